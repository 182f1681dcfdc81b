import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { HostImageError, resolveProgram } from "../src/index.ts";

const made: string[] = [];
afterEach(() => {
  for (const directory of made.splice(0)) rmSync(directory, { recursive: true, force: true });
});
function temporary(): string {
  const directory = mkdtempSync(join(tmpdir(), "ctr-host-image-"));
  made.push(directory);
  return directory;
}
function script(directory: string, name: string, text: string): string {
  writeFileSync(join(directory, name), text);
  chmodSync(join(directory, name), 0o755);
  return join(directory, name);
}
const codeOf = (program: string): string | undefined => {
  try {
    resolveProgram({ program });
    return undefined;
  } catch (error) {
    return error instanceof HostImageError ? error.code : String(error);
  }
};

test("the libraries are those that ldd names", () => {
  const listed = execFileSync("ldd", [process.execPath], { encoding: "utf8" });
  const theirs = [...listed.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map((match) => match[1]!);
  const { libraries, isStatic } = resolveProgram({ program: process.execPath });
  expect(libraries).toEqual(expect.arrayContaining(theirs));
  expect(libraries.filter((path) => !theirs.includes(path) && !/libnss_|libgcc_s/.test(path))).toEqual([]);
  expect(isStatic).toBe(false);
});

test("a script brings its interpreter, and env what it starts", () => {
  const directory = temporary();
  const program = script(directory, "run", "#!/usr/bin/env sh\n");
  const { interpreters, libraries } = resolveProgram({ program });
  expect(interpreters[0]).toBe("/usr/bin/env");
  expect(interpreters[1]).toMatch(/\/bin\/sh$/);
  expect(libraries.some((path) => /libc\.so|ld-musl/.test(path))).toBe(true);
});

const bad = [
  { make: () => "no-such-program", is: "ERR_HOST_IMAGE_MISSING", why: "a name that is nowhere" },
  { make: () => "bin/sh", is: "ERR_HOST_IMAGE_MISSING", why: "a relative path" },
  { make: () => temporary(), is: "ERR_HOST_IMAGE_MISSING", why: "a directory" },
  { make: () => script(temporary(), "text", "hello\n"), is: "ERR_HOST_IMAGE_FORMAT", why: "a text without #!" },
  { make: () => script(temporary(), "elf", "\x7fELF"), is: "ERR_HOST_IMAGE_FORMAT", why: "the start of an ELF file" },
  {
    make: () => script(temporary(), "s", "#!/no/such/interpreter\n"),
    is: "ERR_HOST_IMAGE_MISSING",
    why: "a script whose interpreter is missing",
  },
  {
    make: () => {
      const path = join(temporary(), "loop");
      return script(path.slice(0, -5), "loop", `#!${path}\n`);
    },
    is: "ERR_HOST_IMAGE_FORMAT",
    why: "a script that interprets itself",
  },
] as const;
for (const { make, is, why } of bad) test(`refused: ${why}`, () => expect(codeOf(make())).toBe(is));

const hasCompiler = (() => {
  try {
    execFileSync("cc", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
})();
describe.skipIf(!hasCompiler)("with a C compiler", () => {
  /** main → liba → libb, with the linker options given to each. */
  function compile(options: { main: string[]; a: string[] }): string {
    const directory = temporary();
    mkdirSync(join(directory, "lib"));
    writeFileSync(join(directory, "b.c"), "int b(void) { return 0; }");
    writeFileSync(join(directory, "a.c"), "int b(void); int a(void) { return b(); }");
    writeFileSync(join(directory, "main.c"), "int a(void); int main(void) { return a(); }");
    const cc = (...args: string[]): void => void execFileSync("cc", args, { cwd: directory, stdio: "ignore" });
    cc("-shared", "-fPIC", "-o", "lib/libb.so", "b.c");
    cc("-shared", "-fPIC", "-o", "lib/liba.so", "a.c", "-Llib", "-lb", ...options.a);
    cc("-o", "main", "main.c", "-Llib", "-la", "-Wl,-rpath-link,lib", ...options.main);
    return join(directory, "main");
  }

  test("a DT_RPATH with $ORIGIN holds for the libraries of libraries too", () => {
    const program = compile({ main: ["-Wl,--disable-new-dtags,-rpath,$ORIGIN/lib"], a: [] });
    const found = resolveProgram({ program });
    expect(found.libraries.filter((path) => /lib[ab]\.so$/.test(path)).map((path) => path.slice(-7))).toEqual([
      "liba.so",
      "libb.so",
    ]);
    expect(found.usesOrigin).toBe(true);
  });

  test("a DT_RUNPATH holds for its own object only", () => {
    const program = compile({ main: ["-Wl,--enable-new-dtags,-rpath,$ORIGIN/lib"], a: [] });
    expect(codeOf(program)).toBe("ERR_HOST_IMAGE_LIBRARY");
    const both = compile({
      main: ["-Wl,--enable-new-dtags,-rpath,$ORIGIN/lib"],
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the loader expands it
      a: ["-Wl,--enable-new-dtags,-rpath,${ORIGIN}"],
    });
    expect(codeOf(both)).toBe(undefined);
  });

  test("static and static-pie programs need nothing", () => {
    const directory = temporary();
    writeFileSync(join(directory, "main.c"), "int main(void) { return 0; }");
    for (const kind of ["-static", "-static-pie"]) {
      execFileSync("cc", [kind, "-o", "main", "main.c"], { cwd: directory, stdio: "ignore" });
      expect(resolveProgram({ program: join(directory, "main") })).toMatchObject({ isStatic: true, libraries: [] });
    }
  });

  test("a link to a program keeps its name", () => {
    const directory = temporary();
    symlinkSync(process.execPath, join(directory, "node"));
    expect(resolveProgram({ program: join(directory, "node") }).path).toBe(join(directory, "node"));
  });
});
