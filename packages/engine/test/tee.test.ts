import { expect, test } from "vitest";
import { Follower } from "../src/tee.ts";

async function* chunksOf(count: number, size: number): AsyncGenerator<Uint8Array, void, undefined> {
  for (let i = 0; i < count; i++) yield new Uint8Array(size).fill(i);
}

async function lengthOf(chunks: AsyncIterable<Uint8Array>): Promise<number> {
  let length = 0;
  for await (const chunk of chunks) length += chunk.length;
  return length;
}

test("both readers get everything, the faster one waits", async () => {
  const follower = new Follower(new AbortController().signal);
  const passed = follower.follow(chunksOf(100, 65_536));
  await expect(Promise.all([lengthOf(passed), lengthOf(follower)])).resolves.toEqual([6_553_600, 6_553_600]);
  expect(await follower.wasCutOff()).toBe(false);
});

test("a reader that leaves is not waited for", async () => {
  const follower = new Follower(new AbortController().signal);
  const passed = follower.follow(chunksOf(100, 65_536));
  const leave = (async () => {
    for await (const _chunk of follower) return;
  })();
  await expect(Promise.all([lengthOf(passed), leave])).resolves.toEqual([6_553_600, undefined]);
});

test("an error of the stream reaches both", async () => {
  const follower = new Follower(new AbortController().signal);
  const passed = follower.follow(
    (async function* () {
      yield new Uint8Array(1);
      throw new RangeError("wrong digest");
    })(),
  );
  const both = await Promise.allSettled([lengthOf(passed), lengthOf(follower)]);
  expect(both.map((one) => one.status === "rejected" && one.reason)).toEqual([
    new RangeError("wrong digest"),
    new RangeError("wrong digest"),
  ]);
  expect(await follower.wasCutOff()).toBe(true);
});

test("a stream that nobody begins to read ends with the signal", async () => {
  const abort = new AbortController();
  const follower = new Follower(abort.signal);
  follower.follow(chunksOf(1, 1));
  const reading = lengthOf(follower);
  abort.abort(new Error("the disk is full"));
  await expect(reading).rejects.toThrow("the disk is full");
});

test("a reader that leaves while it waits, and somebody who asks how the stream ends, hold nobody up", async () => {
  const follower = new Follower(new AbortController().signal);
  const reader = follower[Symbol.asyncIterator]();
  const next = reader.next(); // waits: nothing has come yet
  const left = reader.return(undefined); // takes effect when the wait is over
  const cutOff = follower.wasCutOff();
  expect(await lengthOf(follower.follow(chunksOf(100, 65_536)))).toBe(6_553_600);
  await Promise.all([next, left]);
  expect(await cutOff).toBe(false);
});
