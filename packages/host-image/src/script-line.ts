/** What the first line of a script asks for. */
export interface ScriptLine {
  readonly interpreter: string;
  /** A program that the interpreter looks up: the `node` of `#!/usr/bin/env node`. */
  readonly program: string | undefined;
}

// The kernel reads no more of a file to find out what it is: BINPRM_BUF_SIZE in <linux/binfmts.h>.
const longestLine = 256;

/** The interpreter of a file that starts with `#!`, or undefined. @see execve(2), "Interpreter scripts" */
export function parseScriptLine(start: Uint8Array): ScriptLine | undefined {
  if (start[0] !== 0x23 || start[1] !== 0x21) return undefined;
  const line = new TextDecoder().decode(start.subarray(2, longestLine)).split("\n", 1)[0]!;
  const words = line.split(/[ \t]+/).filter((word) => word !== "");
  const interpreter = words[0];
  if (interpreter === undefined || !interpreter.startsWith("/")) return undefined;
  const isEnv = interpreter.slice(interpreter.lastIndexOf("/") + 1) === "env";
  return { interpreter, program: isEnv ? words.slice(1).find((word) => !/^-|=/.test(word)) : undefined };
}
