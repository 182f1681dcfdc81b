import { expandInstruction, parseInstruction } from "@ctr/dockerfile";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { refuseForbidden } from "../src/entitlements.ts";
import { cacheBase, cacheId, mountFrom, mountOperation, placeMounts } from "../src/mount-definition.ts";

const place = { file: "Dockerfile", line: 2, column: 5 };

function mountsOf(flags: string, variables: Readonly<Record<string, string>> = {}) {
  const run = parseInstruction(`RUN ${flags} true`, { file: "Dockerfile" });
  if (run.name !== "RUN") throw new Error("no RUN");
  return expandInstruction(run, (name) => variables[name]).value.mounts;
}

const placed = (flags: string, variables?: Readonly<Record<string, string>>) => {
  const mounts = mountsOf(flags, variables);
  return placeMounts(
    mounts,
    "/srv",
    mounts.map(() => place),
  );
};

describe("where mounts go", () => {
  const rows = [
    { flags: "--mount=type=tmpfs,target=a/../b", is: ["tmpfs /srv/b"], why: "a relative one begins at WORKDIR" },
    { flags: "--mount=target=../../../x", is: ["bind /x"], why: ".. stops at the root" },
    {
      flags: "--mount=type=tmpfs,target=/a/b --mount=type=cache,target=/a --mount=target=/z",
      is: ["cache /a", "tmpfs /a/b", "bind /z"],
      why: "the outer one first, or it would hide the inner one",
    },
    {
      flags: "--mount=type=ssh --mount=type=secret,id=s --mount=type=ssh,id=other --mount=type=tmpfs,target=/run",
      is: ["tmpfs /run", "secret /run/secrets/s", "ssh /run/buildkit/ssh_agent.0", "ssh /run/buildkit/ssh_agent.1"],
      why: "secrets and sockets are on top of places",
    },
    { flags: "--mount=type=secret,id=s,env=S", is: ["secret undefined"], why: "a variable is no file" },
    { flags: "--mount=type=cache,target=$D", is: ["cache /v"], why: "variables are put in" },
  ] as const;
  for (const { flags, is, why } of rows)
    test(`${flags}: ${why}`, () => {
      expect(placed(flags, { D: "/v" }).map(({ mount, target }) => `${mount.type} ${target}`)).toEqual(is);
    });

  for (const target of ["/", "/..", "../..", "//./"])
    test(`${target}: nothing is mounted over the root`, () => {
      expect(() => placed(`--mount=type=tmpfs,target=${target}`)).toThrow('invalid mount target "/"');
    });
});

describe("which cache is meant", () => {
  const rows = [
    { flags: "target=/root/.cache/", is: ["/root/.cache", ""], why: "the place without its slash" },
    { flags: "target=cache", is: ["cache", ""], why: "WORKDIR makes no other cache" },
    { flags: "target=/a,id=../../etc", is: ["../../etc", ""], why: "an id is only text" },
    { flags: "target=/a,mode=700,uid=5", is: ["/a", "mode=0700,uid=5"], why: "with other rights it is another one" },
    { flags: "target=/a,from=x,source=/b/", is: ["/a", "source=/b"], why: "it begins with something else" },
  ] as const;
  for (const { flags, is, why } of rows)
    test(`${flags}: ${why}`, () => {
      const [mount] = mountsOf(`--mount=type=cache,${flags}`);
      if (mount?.type !== "cache") throw new Error("no cache");
      expect([cacheId(mount), cacheBase(mount)]).toEqual(is);
    });
});

test("two mounts that say different things have different parts in the key", () => {
  const flags = [
    "--mount=type=cache,target=/a",
    "--mount=type=cache,target=/a,id=b",
    "--mount=type=cache,target=/a,sharing=locked",
    "--mount=type=cache,target=/a,ro",
    "--mount=type=bind,target=/a",
    "--mount=type=bind,target=/a,rw",
    "--mount=type=bind,target=/a,source=b",
    "--mount=type=tmpfs,target=/a",
    "--mount=type=tmpfs,target=/a,size=1",
    "--mount=type=secret,target=/a,id=a",
    "--mount=type=secret,target=/a,id=b",
    "--mount=type=secret,target=/a,id=a,mode=0444",
    "--mount=type=secret,target=/a,id=a,env=A",
    "--mount=type=ssh,target=/a",
    "--mount=type=ssh,target=/a,required",
  ];
  const texts = flags.map((flag) => JSON.stringify(placed(flag).map((one) => mountOperation(one))));
  expect(new Set(texts).size).toBe(flags.length);
  expect(JSON.stringify(placed("--mount=type=cache,target=/a,sharing=shared").map((one) => mountOperation(one)))).toBe(
    texts[0],
  );
});

test("from= is found wherever it stands", () => {
  fc.assert(
    fc.property(
      fc.constantFrom("type=bind", "target=/a", '"source=/a"'),
      fc.stringMatching(/^[a-z0-9/:.-]+$/),
      (at, name) => {
        for (const text of [`${at},from=${name}`, `from=${name},${at}`, `${at},"from=${name}"`])
          expect(mountFrom({ text })).toBe(name);
      },
    ),
  );
  expect(mountFrom({ text: "type=bind,source=from=x" })).toBeUndefined();
});

describe("what has to be allowed", () => {
  const rows = [
    { network: "host", security: "sandbox", allowed: [], refused: "network.host is not allowed" },
    { network: "host", security: "sandbox", allowed: ["network.host"], refused: undefined },
    { network: "none", security: "insecure", allowed: ["network.host"], refused: "security.insecure is not allowed" },
    { network: "default", security: "insecure", allowed: ["security.insecure"], refused: undefined },
    { network: "default", security: "sandbox", allowed: [], refused: undefined },
  ] as const;
  for (const { network, security, allowed, refused } of rows)
    test(`${network} ${security} with ${allowed.join()}: ${refused ?? "fine"}`, () => {
      const ask = () => refuseForbidden({ network, security }, allowed, place);
      if (refused === undefined) expect(ask()).toBeUndefined();
      else expect(ask).toThrow(refused);
    });
});
