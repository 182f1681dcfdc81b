import { describe, expect, test } from "vitest";
import { type CreateOptions, type LogOptions, openEngine } from "../src/index.ts";
import { notRoot, temporaryEngine } from "./temporary-engine.ts";

describe.skipIf(notRoot)("logs (needs root)", () => {
  const { engine } = notRoot ? { engine: undefined as never } : temporaryEngine();

  async function start(script: string, o: CreateOptions = {}): Promise<string> {
    const command = ["sh", "-c", script];
    const { id } = await engine.containers.create({ image: "busybox", network: "none", command, ...o });
    (await engine.containers.start(id)).attachment.close();
    return id;
  }

  const textOf = async (id: string, o?: LogOptions): Promise<string> =>
    (await Array.fromAsync(engine.containers.logs(id, o))).map(({ log }) => log).join("");

  test("of a log that is full the oldest goes, and what is left is in one piece", async () => {
    const id = await start("seq 20000", { logLimit: 64 << 10 });
    await engine.containers.wait(id);
    const numbers = (await textOf(id)).trimEnd().split("\n").map(Number);
    expect(numbers.at(-1)).toBe(20_000);
    expect(numbers.length).toBeGreaterThan(100);
    expect(numbers.length).toBeLessThan(20_000);
    expect(numbers).toEqual(Array.from(numbers, (_, at) => numbers[0]! + at));
    await engine.containers.remove(id);
  });

  test("tail and times count lines as they were written", async () => {
    const id = await start("printf 'one\\ntwo\\nthr'; sleep 0.01; printf 'ee\\nfour'");
    await engine.containers.wait(id);
    expect(await textOf(id)).toBe("one\ntwo\nthree\nfour");
    expect(await textOf(id, { tail: 2 })).toBe("three\nfour");
    const entries = await Array.fromAsync(engine.containers.logs(id));
    const { time } = entries.at(-1)!;
    expect(await textOf(id, { since: time })).toBe("four");
    expect(await textOf(id, { since: time.replace(/\d{6}Z$/, "Z") })).toContain("four");
    expect(await textOf(id, { until: "1999-12-31T23:59:59Z" })).toBe("");
    await engine.containers.remove(id);
  });

  test("following ends with the container, or with its signal", async () => {
    const id = await start("echo up; while ! [ -e /go ]; do sleep 0.05; done; echo down");
    const stop = new AbortController();
    const seen: string[] = [];
    for await (const { log } of engine.containers.logs(id, { follow: true, signal: stop.signal })) {
      seen.push(log);
      stop.abort();
    }
    expect(seen).toEqual(["up\n"]);
    // Another process may follow, too: the log is a file.
    using other = openEngine({ root: engine.root });
    const following = Array.fromAsync(other.containers.logs(id, { follow: true }));
    const child = await engine.containers.exec(id, { command: ["touch", "/go"], stdio: [0, 1, 2] });
    await child.ended();
    expect((await following).map(({ log }) => log)).toEqual(["up\n", "down\n"]);
    await engine.containers.remove(id);
  });
});
