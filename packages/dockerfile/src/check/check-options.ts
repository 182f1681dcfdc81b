import { parseBoolean } from "../quantities.ts";
import { trim } from "../space.ts";

/** What `# check=` asks for. */
export interface CheckOptions {
  /** Rules to leave out; `all` leaves out every one that is not experimental. */
  readonly skip: readonly string[];
  /** Experimental rules to apply; `all` applies every one. */
  readonly experimental: readonly string[];
  /** Whether a finding fails the build. */
  readonly error: boolean;
}

/** Why the value of a `check` directive means nothing. */
export class CheckOptionsFailure {
  readonly message: string;
  constructor(message: string) {
    this.message = message;
  }
}

/**
 * Read `skip=RuleA,RuleB;experimental=RuleC;error=true`. What stands behind the first space is a remark.
 *
 * @throws {CheckOptionsFailure}
 * @see https://docs.docker.com/reference/dockerfile/#check
 */
export function readCheckOptions(value: string): CheckOptions {
  const options = { skip: [] as string[], experimental: [] as string[], error: false };
  const written = value.split(" ", 1)[0]!;
  if (written === "") return options;
  for (const field of fieldsOf(written)) {
    const equals = field.indexOf("=");
    if (equals === -1) throw new CheckOptionsFailure(`invalid check option ${JSON.stringify(field)}`);
    const key = trim(field.slice(0, equals));
    const rest = trim(field.slice(equals + 1));
    if (key === "skip" || key === "experimental") options[key] = rest.split(",").map(trim);
    else if (key !== "error") throw new CheckOptionsFailure(`invalid check option ${JSON.stringify(key)}`);
    else {
      const error = parseBoolean(rest);
      if (error === undefined)
        throw new CheckOptionsFailure(`failed to parse check option ${JSON.stringify(field)}: true or false`);
      options.error = error;
    }
  }
  return options;
}

// Three options there are; a fourth semicolon belongs to the third value.
function fieldsOf(value: string): string[] {
  const [first = "", second, ...rest] = value.split(";");
  if (second === undefined) return [first];
  return rest.length === 0 ? [first, second] : [first, second, rest.join(";")];
}
