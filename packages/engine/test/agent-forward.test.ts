import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { expect, onTestFinished, test } from "vitest";
import { forwardAgent } from "../src/agent-forward.ts";

function directory(): string {
  const made = mkdtempSync(join(tmpdir(), "ctr-agent-"));
  onTestFinished(() => rmSync(made, { recursive: true }));
  return made;
}

test("bytes go both ways, the end of one side is the other's, and nothing is left", async () => {
  const at = join(directory(), "s");
  const agent = join(directory(), "s");
  const server = createServer({ allowHalfOpen: true }, async (socket) => socket.end(`heard ${await text(socket)}`));
  server.listen(agent);
  await once(server, "listening");
  const forward = await forwardAgent({ at, agent });
  const ask = (what: string) => {
    const socket = connect({ path: at, allowHalfOpen: true });
    socket.end(what);
    return text(socket);
  };
  expect(await Promise.all([ask("a"), ask("b".repeat(1 << 18))])).toEqual(["heard a", `heard ${"b".repeat(1 << 18)}`]);
  await forward.close();
  expect(existsSync(at)).toBe(false);
  server.close();
});

test("without an agent a connection ends at once", async () => {
  const at = join(directory(), "s");
  const forward = await forwardAgent({ at, agent: join(directory(), "none") });
  const socket = connect(at);
  socket.on("error", () => {}); // a reset is an end too
  await once(socket, "close");
  await forward.close();
});
