// The same commands against Debian's docker-registry, and what skopeo makes of the result.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { missing, startDockerRegistry } from "../../registry/test/real-registry.ts";
import { Ctr, notRoot } from "./ctr.ts";

const noRegistry = missing("docker-registry");
const noSkopeo = spawnSync("skopeo", ["--version"]).error === undefined ? false : "skopeo is not installed";

describe.skipIf(notRoot || noRegistry)(
  `docker-registry${noRegistry === false ? "" : `: ${noRegistry}`} (needs root)`,
  () => {
    const directory = mkdtempSync(join(tmpdir(), "ctr-real-"));
    const env = { DOCKER_CONFIG: join(directory, "docker") };
    const here = new Ctr(join(directory, "here"));
    const there = new Ctr(join(directory, "there"));
    let registry: Awaited<ReturnType<typeof startDockerRegistry>>;
    beforeAll(async () => {
      registry = await startDockerRegistry(directory, { hasAuth: true });
      await here.say("image", "from-host", "--tag", "busybox", "busybox");
      for (const path of ["team/a", "team/b"]) await here.say("tag", "busybox", `${registry.host}/${path}:1`);
    });
    afterAll(async () => {
      await registry[Symbol.asyncDispose]();
      await there.removeContainers();
      rmSync(directory, { recursive: true, force: true });
    });

    const say = async (ctr: Ctr, ...args: string[]): Promise<string> => {
      const { status, stdout, stderr } = await ctr.call(args, { env });
      expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
      return stdout;
    };

    test("nothing without a password", async () => {
      const done = await here.call(["push", `${registry.host}/team/a:1`], { env });
      expect(done.status).toBe(1);
      expect(done.stderr).toMatch(/^ctr: 127\.0\.0\.1:\d+: .*status 401.*; log in, or check the credentials\n$/);
    });

    test("pushed once, mounted the second time, pulled and run", async () => {
      const login = ["login", "-u", "ann", "--password-stdin", registry.host];
      expect(await here.call(login, { env, input: "secret" })).toMatchObject({ stdout: "Login Succeeded\n" });
      expect(await say(here, "push", `${registry.host}/team/a:1`)).toMatch(/: Pushed\n/);
      expect(await say(here, "push", `${registry.host}/team/a:1`)).toMatch(/\n0B sent\n$/);
      const mounted = await say(here, "push", `${registry.host}/team/b:1`);
      expect(mounted).toMatch(/: Mounted from team\/a\n/);
      expect(mounted).not.toContain(": Pushed\n");
      await say(there, "pull", `${registry.host}/team/b:1`);
      const name = `${registry.host}/team/b:1`;
      expect(await say(there, "run", "--rm", "--network", "none", name, "echo", "pulled")).toBe("pulled\n");
    });

    test("copied inside the registry, and its tags listed", async () => {
      await say(here, "image", "copy", `${registry.host}/team/a:1`, `${registry.host}/team/c:2`);
      expect(await say(here, "image", "tags", `${registry.host}/team/c`)).toBe("2\n");
      expect(await say(here, "image", "referrers", `${registry.host}/team/c:2`)).toMatch(/^DIGEST/);
    });

    test.skipIf(noSkopeo)("skopeo finds the same image under each name", async () => {
      const digests = await Promise.all(
        ["team/a:1", "team/b:1", "team/c:2"].map(async (name) => {
          const { stdout } = await execa("skopeo", [
            ...["inspect", "--tls-verify=false", "--creds", "ann:secret", "--format", "{{.Digest}}"],
            `docker://${registry.host}/${name}`,
          ]);
          return stdout;
        }),
      );
      expect(new Set(digests).size).toBe(1);
    });
  },
);
