import { describe, expect, test } from "vitest";
import { findStage, parse, parseInstruction, type RunInstruction, stages } from "../src/index.ts";

const word = (text: string): unknown => expect.objectContaining({ text });

for (const [text, fields] of [
  [
    "FROM --platform=linux/arm64 alpine:3 AS Build",
    { base: word("alpine:3"), platform: word("linux/arm64"), stage: "build" },
  ],
  [
    "COPY --from=build --chown=1:2 --chmod=u=rwX --link --parents --exclude=a --exclude=b x y /z",
    {
      from: "build",
      chown: word("1:2"),
      chmod: word("u=rwX"),
      link: true,
      parents: true,
      exclude: [word("a"), word("b")],
      sources: [word("x"), word("y")],
      destination: word("/z"),
    },
  ],
  [
    "ADD --checksum=sha256:1 --keep-git-dir=true --unpack=false a b",
    { checksum: word("sha256:1"), keepGitDir: true, unpack: false, link: false },
  ],
  ["ADD a b", { checksum: undefined, keepGitDir: undefined, unpack: undefined }],
  [
    "RUN --network=none --security=insecure --device=a.com/b=c,required x",
    { network: "none", security: "insecure", devices: [{ device: "a.com/b=c", required: true }] },
  ],
  [
    "RUN x",
    { network: "default", security: "sandbox", devices: [], mounts: [], command: { form: "shell", text: "x" } },
  ],
  ['RUN ["a", "b c"]', { command: { form: "exec", args: ["a", "b c"] } }],
  ["CMD", { command: { form: "exec", args: [] } }],
  ['SHELL ["sh", "-c"]', { shell: ["sh", "-c"] }],
  [
    "HEALTHCHECK --interval=1m30s --timeout=.5s --start-period=2h --start-interval=5ms --retries=3 CMD x",
    {
      interval: 90e9,
      timeout: 5e8,
      startPeriod: 7200e9,
      startInterval: 5e6,
      retries: 3,
      command: { form: "shell", text: "x" },
    },
  ],
  ["HEALTHCHECK none", { command: "none", interval: undefined }],
  ["VOLUME /a /b", { paths: [word("/a"), word("/b")] }],
  ['VOLUME ["/a b"]', { paths: [word("/a b")] }],
  [
    "ONBUILD COPY a b",
    { trigger: expect.objectContaining({ name: "COPY", destination: word("b") }), expression: "COPY a b" },
  ],
  [
    "ARG a b=c",
    {
      args: [
        { key: word("a"), value: undefined, description: undefined },
        { key: word("b"), value: word("c"), description: undefined },
      ],
    },
  ],
  ["LABEL a b c", { legacy: true, pairs: [{ key: word("a"), value: word("b c") }] }],
] as const) {
  test(text, () => {
    expect(parseInstruction(text)).toMatchObject(fields);
  });
}

describe("--mount", () => {
  const owner = { mode: undefined, uid: undefined, gid: undefined };
  for (const [text, is] of [
    ["target=/a", { type: "bind", target: "/a", from: undefined, source: undefined, readOnly: true }],
    ["type=bind,from=x,src=/b,dst=/a,rw", { type: "bind", target: "/a", from: "x", source: "/b", readOnly: false }],
    [
      "type=cache,target=/a",
      {
        type: "cache",
        target: "/a",
        id: "/a",
        sharing: "shared",
        from: undefined,
        source: undefined,
        readOnly: false,
        ...owner,
      },
    ],
    [
      "TYPE=Cache,id=i,target=/a,sharing=locked,mode=0755,uid=1,gid=2,ro=true",
      {
        type: "cache",
        target: "/a",
        id: "i",
        sharing: "locked",
        from: undefined,
        source: undefined,
        readOnly: true,
        mode: 0o755,
        uid: 1,
        gid: 2,
      },
    ],
    ["type=tmpfs,target=/a,size=64m", { type: "tmpfs", target: "/a", size: 64 << 20, readOnly: false }],
    [
      "type=secret,id=a/b",
      { type: "secret", id: "a/b", target: "/run/secrets/b", env: undefined, required: false, ...owner },
    ],
    ["type=secret,target=/x/y", { type: "secret", id: "y", target: "/x/y", env: undefined, required: false, ...owner }],
    [
      "type=secret,id=a,env=A,required",
      { type: "secret", id: "a", target: undefined, env: "A", required: true, ...owner },
    ],
    ["type=ssh", { type: "ssh", id: "default", target: undefined, required: false, ...owner }],
    ['type=bind,"target=/a,b"', { type: "bind", target: "/a,b", from: undefined, source: undefined, readOnly: true }],
  ] as const) {
    test(text, () => {
      const run = parseInstruction(`RUN --mount='${text}' x`) as RunInstruction;
      expect(run.mounts[0]!.mount).toEqual(is);
    });
  }
  for (const text of [
    "",
    "type=bind",
    "type=x,target=/a",
    "type=bind,target=/a,size=1",
    "type=secret",
    "type=secret,id=a,source=b",
    "type=tmpfs,target=/a,size=big",
    "type=cache,target=/a,sharing=often",
    "type=cache,target=/a,mode=9",
    "type=cache,target=/a,ro=perhaps",
    "target",
    "constructor=1,target=/a",
    'target="/a',
  ]) {
    test(`refuses ${text}`, () => {
      expect(() => parseInstruction(`RUN --mount='${text}' x`)).toThrow(
        expect.objectContaining({ code: "ERR_DOCKERFILE_MOUNT" }),
      );
    });
  }
  test("is not judged before its variables are known", () => {
    expect((parseInstruction("RUN --mount=type=$t,target=/a x") as RunInstruction).mounts).toEqual([
      expect.objectContaining({ text: "type=$t,target=/a", mount: undefined }),
    ]);
  });
});

describe("stages", () => {
  const file = parse("ARG v=1\nFROM a:$v AS One\nRUN x\nFROM one\nARG v\nCOPY --from=0 / /\nFROM b AS one\n");
  const found = stages(file);
  test("hold their instructions", () => {
    expect(found.globalArgs.map((arg) => arg.source)).toEqual(["ARG v=1"]);
    expect(
      found.stages.map(({ index, name, instructions }) => [index, name, instructions.map((it) => it.name)]),
    ).toEqual([
      [0, "one", ["RUN"]],
      [1, undefined, ["ARG", "COPY"]],
      [2, "one", []],
    ]);
  });
  test("are found by name in any case, by number, the later of two", () => {
    expect(findStage(found.stages.slice(0, 2), "ONE")?.index).toBe(0);
    expect(findStage(found.stages, "one")?.index).toBe(2);
    expect(findStage(found.stages, "1")?.index).toBe(1);
    expect(findStage(found.stages, "3")).toBeUndefined();
    expect(findStage(found.stages, "-1")).toBeUndefined();
  });
});

test("a check directive that means nothing is a mistake", () => {
  const { errors } = parse("# check=skip=A;what=1\nFROM a\n");
  expect(errors.map(({ message, phase }) => [message, phase])).toEqual([
    ['failed to parse check options: invalid check option "what"', "syntax"],
  ]);
});
