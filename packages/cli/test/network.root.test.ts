import { request } from "node:http";
import { createServer } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { notRoot, temporaryCtr } from "./ctr.ts";

describe.skipIf(notRoot)("--network and -p (needs root)", () => {
  const ctr = temporaryCtr();
  const serve = "mkdir /www; echo hello > /www/index.html; echo ready; exec httpd -f -p 80 -h /www";

  async function get(port: number, host = "127.0.0.1"): Promise<string> {
    return new Promise((resolve, reject) => {
      const call = request({ host, port, agent: false }, async (answer) => resolve((await answer.toArray()).join("")));
      call.on("error", reject).end();
    });
  }

  /** The program listens a moment after it says that it is about to. */
  async function untilAnswers(port: number): Promise<string> {
    for (;;)
      try {
        return await get(port);
      } catch (error) {
        if (!["ECONNREFUSED", "ECONNRESET"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
      }
  }

  /** A port of this machine that nobody has at the moment. */
  async function freePort(): Promise<number> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    await new Promise((resolve) => server.close(resolve));
    return port;
  }

  test("-p: reached over loopback while it runs, shown by ps and inspect, and taken by nobody else", async () => {
    const port = await freePort();
    const id = await ctr.say("run", "-d", "--name", "web", "-p", `127.0.0.1:${port}:80`, "busybox", "sh", "-c", serve);
    await ctr.wrote(id, "ready");
    expect(await untilAnswers(port)).toBe("hello\n");
    expect(await ctr.say("ps", "--format", "{{.Ports}}")).toBe(`127.0.0.1:${port}->80/tcp`);
    const [shown] = JSON.parse(await ctr.say("inspect", "web"));
    expect(shown.NetworkSettings.Ports).toEqual({ "80/tcp": [{ HostIp: "127.0.0.1", HostPort: `${port}` }] });
    expect(await get(80, shown.NetworkSettings.IPAddress)).toBe("hello\n");
    const second = await ctr.call(["run", "--rm", "-p", `127.0.0.1:${port}:80`, "busybox", "true"]);
    expect(second.status).toBe(125);
    expect(second.stderr).toMatch(new RegExp(`^ctr: .*${port}.*allocated`));
    await ctr.say("rm", "-f", "web");
    await expect(get(port)).rejects.toMatchObject({ code: "ECONNREFUSED" });
    expect(await ctr.traces.left()).toEqual([]);
  });

  test("-p of a port that a program of this machine has: refused", async () => {
    const server = createServer();
    onTestFinished(() => void server.close());
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    const done = await ctr.call(["run", "--rm", "-p", `127.0.0.1:${port}:80`, "busybox", "true"]);
    expect(done.status).toBe(125);
    expect(done.stderr).toMatch(new RegExp(`^ctr: .*${port}`));
  });

  test("-p without a host port: one is chosen", async () => {
    await ctr.say("run", "-d", "--name", "any", "-p", "80", "busybox", "sh", "-c", serve);
    const port = Number(
      await ctr
        .say("inspect", "-f", "{{json .NetworkSettings.Ports}}", "any")
        .then((text) => JSON.parse(text)["80/tcp"][0].HostPort),
    );
    expect(await untilAnswers(port)).toBe("hello\n");
    await ctr.say("rm", "-f", "any");
  });

  test("bridge: an address, a default route, hosts, resolv.conf", async () => {
    const script =
      "ip -4 -o addr show eth0 | awk '{ print $4 }'; ip route | grep -c default; awk 'END { print $1 }' /etc/hosts; grep -c nameserver /etc/resolv.conf";
    const lines = (await ctr.say("run", "--rm", "busybox", "sh", "-c", script)).split("\n");
    expect(lines[0]).toMatch(/^\d+\.\d+\.\d+\.\d+\/\d+$/);
    expect(lines[1]).toBe("1");
    expect(lines[0]).toMatch(new RegExp(`^${lines[2]}/`));
    expect(Number(lines[3])).toBeGreaterThan(0);
  });

  test("two containers of the bridge reach each other", async () => {
    await ctr.say("run", "-d", "--name", "one", "busybox", "sh", "-c", serve);
    const address = await ctr.say("inspect", "-f", "{{.NetworkSettings.IPAddress}}", "one");
    const fetch = `until wget -qO- http://${address}/ 2>/dev/null; do :; done`;
    expect(await ctr.say("run", "--rm", "busybox", "sh", "-c", fetch)).toBe("hello");
    await ctr.say("rm", "-f", "one");
  });

  test("host: the machine's own network", async () => {
    const names = await ctr.say("run", "--rm", "--network", "host", "busybox", "ls", "/sys/class/net");
    expect(names.split("\n")).toContain("lo");
    const own = await ctr.say("run", "--rm", "--network", "host", "busybox", "readlink", "/proc/self/ns/net");
    expect(own).toBe(await import("node:fs").then(({ readlinkSync }) => readlinkSync("/proc/self/ns/net")));
  });

  test("container:NAME: another container's network, down to loopback", async () => {
    await ctr.say("run", "-d", "--name", "owner", "--network", "none", "busybox", "sh", "-c", serve);
    const fetch = "until wget -qO- http://127.0.0.1/ 2>/dev/null; do :; done";
    expect(await ctr.say("run", "--rm", "--network", "container:owner", "busybox", "sh", "-c", fetch)).toBe("hello");
    await ctr.say("rm", "-f", "owner");
    const gone = await ctr.call(["run", "--rm", "--network", "container:owner", "busybox", "true"]);
    expect(gone).toMatchObject({ status: 125, stdout: "" });
  });

  test("after all of it nothing is left, not even the bridge", async () => {
    expect(await ctr.traces.left()).toEqual([]);
  });
});
