/** Ends a command with this exit code and, if there is one, a message. */
export class Failure extends Error {
  override readonly name = "Failure";
  readonly exitCode: number;
  constructor(message: string, exitCode: number) {
    super(message);
    this.exitCode = exitCode;
  }
}

const sqliteFull = 13;
const noSpace = "no space left on device";

/** What to tell people about an error. Who throws it does not always know that the disk is full, nor what to do then. */
export function reasonOf(error: Error): string {
  const sqlite = "errcode" in error && typeof error.errcode === "number" ? error.errcode & 0xff : undefined;
  const message = sqlite === undefined ? error.message : `the state database: ${error.message}`;
  if (!message.includes(noSpace) && (sqlite === sqliteFull || isNoSpace(error)))
    return harmless(`${noSpace}; remove what is not needed (ctr system prune): ${message}`);
  return harmless(sqlite === undefined ? message : `${message}; look at its disk (dmesg, df) and try again`);
}

function isNoSpace(error: Error): boolean {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause)
    if ("code" in cause && /^(?:ERR_KERNEL_)?(?:ENOSPC|EDQUOT)$/.test(String(cause.code))) return true;
  return false;
}

/** What a terminal must not be told by a name or a path: escape sequences, and marks that turn text around. */
export function harmless(text: string): string {
  return text.replace(
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
