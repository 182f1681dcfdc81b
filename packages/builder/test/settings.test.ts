import { expandInstruction, parse, stages } from "@ctr/dockerfile";
import type { ContainerDefaults } from "@ctr/oci";
import { describe, expect, test } from "vitest";
import { applySetting, type Setting, SettingFailure } from "../src/image-settings.ts";
import { isBuilderError } from "../src/index.ts";
import { runCommand } from "../src/run-command.ts";
import { refuseUnsupported } from "../src/unsupported.ts";
import { globalArguments, imageVariables, platformArguments, unusedArguments, Variables } from "../src/variables.ts";

const linux = { os: "linux", architecture: "amd64" };
const none: ReadonlyMap<string, string> = new Map();

function only(instruction: string) {
  const dockerfile = parse(`FROM scratch\n${instruction}\n`);
  expect(dockerfile.errors).toEqual([]);
  return stages(dockerfile).stages[0]!.instructions[0]!;
}

describe("settings", () => {
  const cases: readonly {
    readonly before?: ContainerDefaults;
    readonly instruction: string;
    readonly ownCommand?: boolean;
    readonly is: ContainerDefaults | RegExp;
    readonly why: string;
  }[] = [
    { instruction: "CMD echo hi", is: { Cmd: ["/bin/sh", "-c", "echo hi"] }, why: "the shell form has a shell" },
    { before: { Shell: ["/x"] }, instruction: "CMD a b", is: { Shell: ["/x"], Cmd: ["/x", "a b"] }, why: "SHELL's" },
    { instruction: 'CMD ["a","b"]', is: { Cmd: ["a", "b"] }, why: "the exec form has none" },
    {
      before: { Cmd: ["a"] },
      instruction: 'ENTRYPOINT ["e"]',
      is: { Entrypoint: ["e"] },
      why: "an inherited CMD goes",
    },
    {
      before: { Cmd: ["a"] },
      instruction: 'ENTRYPOINT ["e"]',
      ownCommand: true,
      is: { Cmd: ["a"], Entrypoint: ["e"] },
      why: "the stage's own stays",
    },
    {
      before: { WorkingDir: "/a" },
      instruction: "WORKDIR b/../c",
      is: { WorkingDir: "/a/c" },
      why: "relative to the one before",
    },
    {
      instruction: "EXPOSE 80 80/tcp 5-6/UDP",
      is: { ExposedPorts: { "80/tcp": {}, "5/udp": {}, "6/udp": {} } },
      why: "one spelling",
    },
    { instruction: "EXPOSE 0", is: /invalid containerPort/, why: "no port" },
    { instruction: "EXPOSE 70000", is: /invalid containerPort/, why: "no port" },
    { instruction: "EXPOSE 9-8", is: /invalid containerPort/, why: "backwards" },
    { instruction: "EXPOSE 80/icmp", is: /invalid containerPort/, why: "no protocol with ports" },
    { instruction: "STOPSIGNAL SIGRTMIN+3", is: { StopSignal: "SIGRTMIN+3" }, why: "systemd's" },
    { instruction: "STOPSIGNAL 9", is: { StopSignal: "9" }, why: "by number" },
    { instruction: "STOPSIGNAL 99", is: /Invalid signal/, why: "no such number" },
    { instruction: "STOPSIGNAL -x", is: /Invalid signal/, why: "no such name" },
    { instruction: "HEALTHCHECK NONE", is: { Healthcheck: { Test: ["NONE"] } }, why: "inherited checks go" },
    {
      before: { Labels: { a: "1" } },
      instruction: "LABEL b=2",
      is: { Labels: { a: "1", b: "2" } },
      why: "labels add up",
    },
  ];
  for (const { before = {}, instruction, ownCommand = false, is, why } of cases)
    test(`${instruction}: ${why}`, () => {
      const setting = expandInstruction(only(instruction), {}).value as Setting;
      const apply = (): ContainerDefaults => applySetting(before, setting, { env: [], ownCommand });
      if (!(is instanceof RegExp)) return expect(apply()).toEqual(is);
      try {
        apply();
        expect.unreachable();
      } catch (failure) {
        expect(failure).toBeInstanceOf(SettingFailure);
        expect((failure as SettingFailure).message).toMatch(is);
      }
    });

  test("a label called __proto__ is a label", () => {
    const setting = expandInstruction(only("LABEL __proto__=x"), {}).value as Setting;
    const { Labels } = applySetting({}, setting, { env: [], ownCommand: false });
    expect(Object.keys(Labels!)).toEqual(["__proto__"]);
    expect(JSON.stringify(Labels)).toBe('{"__proto__":"x"}');
  });
});

describe("variables", () => {
  const cases: readonly {
    readonly lines: readonly string[];
    readonly given?: Record<string, string>;
    readonly name: string;
    readonly is: string | undefined;
    readonly why: string;
  }[] = [
    { lines: ["FROM x"], name: "G", is: undefined, why: "a global ARG is not known in a stage" },
    { lines: ["FROM x", "ARG G"], name: "G", is: "global", why: "until it is declared" },
    { lines: ["FROM x", "ARG G=own"], name: "G", is: "own", why: "a default of the stage's own wins" },
    { lines: ["FROM x", "ARG G=own"], given: { G: "given" }, name: "G", is: "given", why: "the caller wins" },
    { lines: ["FROM x", "ARG X"], name: "X", is: undefined, why: "nobody gave it a value" },
    { lines: ["FROM x", "ARG A=1", "ENV A=2"], name: "A", is: "2", why: "ENV wins" },
    { lines: ["FROM x", "ENV A=2", "ARG A=1"], given: { A: "3" }, name: "A", is: "2", why: "whichever came first" },
    { lines: ["FROM x", "ARG A=1 B=$A"], name: "B", is: "1", why: "arguments of one line see each other" },
    { lines: ["FROM x", "ENV A=1 B=$A"], name: "B", is: "", why: "variables of one ENV do not" },
    { lines: ["FROM x", "ARG TARGETARCH"], name: "TARGETARCH", is: "arm64", why: "platforms are global" },
    { lines: ["FROM x", "ARG BUILDPLATFORM"], name: "BUILDPLATFORM", is: "linux/amd64", why: "both of them" },
    { lines: ["FROM x"], name: "PATH", is: "/bin", why: "the base image's" },
    { lines: ["FROM x", "ARG PATH=/evil"], name: "PATH", is: "/bin", why: "an ARG does not change it" },
  ];
  for (const { lines, given = {}, name, is, why } of cases)
    test(`${lines.slice(1).join("; ")} ${name}: ${why}`, () => {
      const { globalArgs, stages: found } = stages(parse(`ARG G=global\n${lines.join("\n")}\n`));
      const asked = new Map(Object.entries(given));
      const fixed = platformArguments({ target: { ...linux, architecture: "arm64" }, build: linux, targetStage: "x" });
      const globals = globalArguments(globalArgs, asked, fixed);
      const variables = new Variables(imageVariables(["PATH=/bin", "broken", "=x"]), globals, asked);
      for (const instruction of found[0]!.instructions) {
        if (instruction.name === "ARG") variables.declare(instruction);
        if (instruction.name !== "ENV") continue;
        for (const { key, value } of expandInstruction(instruction, variables.lookup).value.pairs)
          variables.setEnv(key, value, instruction.range.start.line);
      }
      expect(variables.lookup(name)).toBe(is);
    });

  test("a command sees ENV, ARG and the proxies that the caller gave", () => {
    const given = new Map([["https_proxy", "p"]]);
    const variables = new Variables(imageVariables(["A=1"]), none, given);
    const arg = only("ARG B=2");
    if (arg.name === "ARG") variables.declare(arg);
    expect(variables.commandEnvironment()).toEqual(["A=1", "B=2", "https_proxy=p"]);
    expect(variables.args).toEqual([{ name: "B", value: "2", from: "ARG", line: 2 }]);
    expect(unusedArguments(new Map([...given, ["C", ""]]), new Set(["B"]))).toEqual(["C"]);
  });
});

describe("commands", () => {
  const shell = ["/bin/sh", "-c"];
  const cases = [
    { run: "RUN a | b", args: [...shell, "a | b"], why: "the shell form" },
    { run: 'RUN ["a", "$b"]', args: ["a", "$b"], why: "the exec form" },
    { run: "RUN <<EOF\na\nb\nEOF", args: [...shell, "a\nb\n"], why: "nothing but a heredoc: its lines" },
    { run: "RUN <<-'E'\n\ta\nE", args: [...shell, "a\n"], why: "tabs go" },
    { run: "RUN cat <<E >f\nx\nE", args: [...shell, "cat <<E >f\nx\nE"], why: "the shell reads the rest itself" },
    { run: "RUN <<A cat <<B\na\nA\nb\nB", args: [...shell, "<<A cat <<B\na\nA\nb\nB"], why: "two of them" },
    {
      run: "RUN <<E\n#!/x\nE",
      args: [...shell, "/dev/pipes/E"],
      script: { name: "E", text: "#!/x\n" },
      why: "a program",
    },
    {
      run: "RUN <<'../e'\n#!/x\n../e",
      args: [...shell, "/dev/pipes/__e"],
      script: { name: "__e", text: "#!/x\n" },
      why: "whose name is no path",
    },
  ];
  for (const { run, args, script, why } of cases)
    test(`${JSON.stringify(run)}: ${why}`, () => {
      const instruction = only(run);
      if (instruction.name !== "RUN") throw new Error(instruction.name);
      expect(runCommand(instruction, shell)).toEqual({ args, script });
    });
});

describe("what is not done yet is refused at its place", () => {
  const cases = [
    { instruction: "RUN --device=vendor.com/x=y true", is: "RUN --device=vendor.com/x=y is not supported yet" },
  ];
  for (const { instruction, is } of cases)
    test(instruction, () => {
      try {
        refuseUnsupported(only(instruction));
        expect.unreachable();
      } catch (error) {
        expect(isBuilderError(error)).toBe(true);
        expect(error).toMatchObject({ code: "ERR_BUILDER_UNSUPPORTED", message: is, file: "Dockerfile", line: 2 });
      }
    });

  for (const instruction of [
    "RUN --network=none true",
    "COPY --chown=1 --chmod=755 --from=x a b",
    "ADD --unpack=false a b",
  ])
    test(`${instruction} is done`, () => refuseUnsupported(only(instruction)));
});
