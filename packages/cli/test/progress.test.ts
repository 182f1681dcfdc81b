import fc from "fast-check";
import { expect, test } from "vitest";
import { LayerLines, layerLine } from "../src/progress.ts";

const cases: readonly { readonly line: string; readonly of: Parameters<typeof layerLine>; readonly why: string }[] = [
  { of: ["1f2e", { status: "Waiting" }, 80], line: "1f2e: Waiting", why: "nothing has come yet" },
  {
    of: ["1f2e", { status: "Downloading", bytes: { done: 5e6, total: 10e6 } }, 50],
    line: "1f2e: Downloading [======>      ]     5MB/10MB",
    why: "half of it",
  },
  {
    of: ["1f2e", { status: "Downloading", bytes: { done: 10e6, total: 10e6 } }, 50],
    line: "1f2e: Downloading [=============]    10MB/10MB",
    why: "all of it",
  },
  {
    of: ["1f2e", { status: "Pushing", bytes: { done: 12e6, total: 10e6 } }, 50],
    line: "1f2e: Pushing [=================]    10MB/10MB",
    why: "some of it went twice",
  },
  {
    of: ["1f2e", { status: "Downloading", bytes: { done: 0, total: 0 } }, 50],
    line: "1f2e: Downloading [=============]      0B/0B",
    why: "an empty layer",
  },
  {
    of: ["1f2e", { status: "Downloading", bytes: { done: 5e6, total: 10e6 } }, 34],
    line: "1f2e: Downloading 5MB/10MB",
    why: "no room for a bar",
  },
  {
    of: ["1f2e", { status: "Downloading", bytes: { done: 5e6, total: 10e6 } }, 12],
    line: "1f2e: Downl",
    why: "no room at all",
  },
  {
    of: ["1f2e", { status: "Mounted from \u001b[2Ja\u202eb" }, undefined],
    line: "1f2e: Mounted from \\u001b[2Ja\\u202eb",
    why: "a name that would clear the screen",
  },
];
for (const { of, line, why } of cases) test(why, () => expect(layerLine(...of).trimEnd()).toBe(line));

test("a line is always shorter than the terminal is wide, and tells it nothing", () => {
  const amount = fc.integer({ min: 0, max: 1e15 });
  const bytes = fc.option(fc.record({ done: amount, total: amount }), { nil: undefined });
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), bytes, fc.integer({ min: 2, max: 300 }), (status, it, columns) => {
      const line = layerLine("0123456789ab", { status, bytes: it }, columns);
      expect(line.length).toBeLessThan(columns);
      expect(line).not.toMatch(/[\r\u001b\u009b]/);
    }),
  );
});

function screen(o: { readonly isTTY: boolean; readonly columns?: number; readonly rows?: number }) {
  const written: string[] = [];
  return { ...o, written, write: (text: string) => written.push(text) };
}

test("without a terminal there is a line for each layer that is finished, and no escape sequence", () => {
  const pipe = screen({ isTTY: false });
  const lines = new LayerLines(pipe);
  lines.show("a", "Downloading", { done: 1, total: 2 });
  lines.finish("b", "Already exists");
  lines.finish("a", "Pull complete");
  lines.finish("a", "Pull complete");
  lines.end();
  expect(pipe.written).toEqual(["b: Already exists\n", "a: Pull complete\n"]);
});

test("on a terminal the last drawing has all layers, in the order in which they came", () => {
  const terminal = screen({ isTTY: true, columns: 80, rows: 3 });
  const lines = new LayerLines(terminal);
  for (const id of ["a", "b", "c", "d"]) lines.show(id, "Waiting");
  for (const id of ["d", "c", "b", "a"]) lines.finish(id, "Pull complete");
  lines.end();
  lines.end();
  const shown = ["a", "b", "c", "d"].map((id) => `\u001b[2K${id}: Pull complete\n`).join("");
  expect(terminal.written).toEqual([`${shown}\u001b[J`]);
});

test("nothing is drawn where nothing was transferred", () => {
  const terminal = screen({ isTTY: true });
  new LayerLines(terminal).end();
  expect(terminal.written).toEqual([]);
});
