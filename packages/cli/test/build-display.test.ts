import type { VerifyEvent } from "@ctr/engine";
import { describe, expect, test } from "vitest";
import { openDisplay, showEvents } from "../src/build-display.ts";
import { cellWidth, cutToWidth } from "../src/cell-width.ts";
import { OutputLines } from "../src/output-lines.ts";
import type { Screen } from "../src/progress.ts";

const started = (step: number, number: number | undefined, instruction: string, stage?: string): VerifyEvent => ({
  ...{ type: "stepStarted", step, total: 9, stage: stage ?? "0", line: step, instruction },
  shown: { stage, number, total: 3 },
});
const finished = (step: number, decision: "reused" | "metadata" | "ran"): VerifyEvent => ({
  ...{ type: "stepFinished", step, layer: undefined, milliseconds: 1 },
  outcome: decision === "ran" ? { decision, causes: [{ kind: "new" }] } : { decision },
});
const output = (step: number, text: string): VerifyEvent => ({
  ...{ type: "stepOutput", step, stream: "stdout", chunk: Buffer.from(text) },
});

async function* play(events: readonly VerifyEvent[], error?: Error): AsyncGenerator<VerifyEvent> {
  yield* events;
  if (error !== undefined) throw error;
}

async function show(
  kind: string,
  events: readonly VerifyEvent[],
  o: Partial<Screen> = {},
  error?: Error,
): Promise<string> {
  const written: string[] = [];
  const screen = { ...o, write: (text: string) => written.push(text) };
  await showEvents(play(events, error), openDisplay(kind, screen), () => undefined).catch(() => undefined);
  const text = written.join("");
  return text.replace(/\b\d+\.\d{3} /g, "T ").replace(/\b\d+\.\d+s\b/g, "Ts");
}

const build = [
  started(1, 1, "FROM busybox"),
  finished(1, "metadata"),
  started(2, undefined, "ENV A=1"),
  finished(2, "metadata"),
  started(3, 2, "COPY a \\\n  b"),
  finished(3, "reused"),
  started(4, 3, "RUN make"),
  output(4, "one\ntw"),
  output(4, "o\nthree"),
  finished(4, "ran"),
];

describe("a build as plain text", () => {
  test("as BuildKit prints it; steps that only note something are left out", async () => {
    expect(await show("plain", build)).toBe(
      [
        ...["#1 [1/3] FROM busybox", "#1 DONE Ts", ""],
        ...["#2 [2/3] COPY a \\ b", "#2 CACHED", ""],
        ...["#3 [3/3] RUN make", "#3 T one", "#3 T two", "#3 T three", "#3 DONE Ts", "", ""],
      ].join("\n"),
    );
  });

  test("steps that run side by side are told apart", async () => {
    const text = await show("plain", [
      started(1, 1, "RUN a", "one"),
      started(2, 1, "RUN b", "two"),
      output(1, "from a\n"),
      output(2, "from b\n"),
    ]);
    expect(text).toBe(
      [
        ...["#1 [one 1/3] RUN a", "", "#2 [two 1/3] RUN b", ""],
        ...["#1 [one 1/3] RUN a", "#1 T from a", "", "#2 [two 1/3] RUN b", "#2 T from b", ""],
      ].join("\n"),
    );
  });

  test("what failed is shown once more, what it stopped is canceled", async () => {
    const error = Object.assign(new Error("exit code: 1"), { line: 1 });
    const events = [started(1, 1, "RUN a", "one"), started(2, 1, "RUN b", "two"), output(1, "last\n")];
    const text = await show("plain", events, {}, error);
    expect(text).toContain("#1 ERROR: exit code: 1\n\n------\n > [one 1/3] RUN a:\nT last\n------\n");
    expect(text).toContain("#2 CANCELED\n");
  });

  test("nothing that a command or a Dockerfile writes drives the terminal", async () => {
    const evil = "\u001b[2J\u001b]0;title\u0007red\u001b[31m\u009b1m\u202e";
    const events = [started(1, 1, `RUN ${evil}`), output(1, `${evil}\r\n10%\r20%\n`), finished(1, "ran")];
    for (const kind of ["plain", "tty"]) {
      const text = await show(kind, events, { isTTY: true, columns: 80, rows: 24 });
      expect(text.replace(/\u001b\[(?:\?25[lh]|\d+A|2K|J|\d+m)/g, "")).not.toMatch(/[\u001b\u009b\u202e\r]/);
    }
  });
});

describe("a build on a terminal", () => {
  test("the last drawing stays: what was cached, and no line is longer than the screen", async () => {
    const long = started(5, 3, `RUN ${"日本語".repeat(50)}`);
    const text = await show("tty", [...build, long, finished(5, "ran")], { isTTY: true, columns: 60, rows: 24 });
    const last = text.slice(text.lastIndexOf("[+] Building"));
    expect(last).toMatch(/^\[\+\] Building Ts \(4\/4\) FINISHED\n/);
    expect(last).toContain(" => CACHED [2/3] COPY a \\ b");
    expect(last).not.toContain("ENV A=1");
    const lines = last
      .replace(/\u001b\[[?0-9]*[A-Za-z]/g, "")
      .trimEnd()
      .split("\n");
    for (const line of lines) expect(cellWidth(line)).toBeLessThan(60);
  });

  test("elsewhere there is none", () => {
    expect(() => openDisplay("tty", { write: () => undefined })).toThrow(/no terminal/);
  });
});

describe("lines of output", () => {
  const cases = [
    { chunks: ["a\nb"], lines: ["a"], rest: ["b"], why: "a line that has not ended" },
    { chunks: ["10%\r20%\r30%\n"], lines: ["30%"], rest: [], why: "what the terminal would show in the end" },
    { chunks: ["a\r\n"], lines: ["a"], rest: [], why: "line ends of others" },
    { chunks: ["\u001b[1;32mok\u001b[0m\n"], lines: ["ok"], rest: [], why: "colours" },
    { chunks: ["\u001b(0\n"], lines: ["\\u001b(0"], rest: [], why: "any other sequence is shown" },
    { chunks: ["a\tb\n"], lines: ["a    b"], rest: [], why: "a tab has no fixed width" },
  ];
  for (const { chunks, lines, rest, why } of cases)
    test(`${JSON.stringify(chunks)}: ${why}`, () => {
      const output = new OutputLines();
      expect(chunks.flatMap((chunk) => output.add(Buffer.from(chunk)))).toEqual(lines);
      expect(output.end()).toEqual(rest);
    });

  test("a letter in two chunks is one", () => {
    const output = new OutputLines();
    const bytes = Buffer.from("ü\n");
    expect([...output.add(bytes.subarray(0, 1)), ...output.add(bytes.subarray(1))]).toEqual(["ü"]);
  });

  test("a line without end fills no memory, and is cut in no time", () => {
    const output = new OutputLines();
    const lines = output.add(Buffer.alloc(1 << 20, "x"));
    expect(lines.length).toBe(1);
    expect(cutToWidth(lines[0]!, 10)).toBe("xxxxxxxxx…");
  });
});
