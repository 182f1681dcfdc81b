/** Ends a command with this exit code and, if there is one, a message. */
export class Failure extends Error {
  override readonly name = "Failure";
  readonly exitCode: number;
  constructor(message: string, exitCode: number) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** What to tell people about an error. SQLite says what it could not do and not what it is about. */
export function reasonOf(error: Error): string {
  const isDatabase = "code" in error && error.code === "ERR_SQLITE_ERROR";
  const reason = isDatabase
    ? `the state database: ${error.message}; look at its disk (dmesg, df) and try again`
    : error.message;
  return harmless(reason);
}

/** What a terminal must not be told by a name or a path: escape sequences, and marks that turn text around. */
export function harmless(text: string): string {
  return text.replace(
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
