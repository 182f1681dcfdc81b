import { text } from "./attribute.ts";
import { NetlinkError } from "./netlink-error.ts";

/** IFNAMSIZ of <linux/if.h> is 16 with the NUL. */
const longestName = 15;

/**
 * The bytes of an interface's name, with its NUL.
 * @throws {NetlinkError} `ERR_NETLINK_INVALID_NAME` for what the kernel refuses (empty, too long, `.`, `..`,
 *   slash, colon, white space) and for `%`, which would make the kernel choose another name, and control
 *   characters, which would garble every listing.
 * @see Linux net/core/dev.c, dev_valid_name
 */
export function interfaceName(name: string): Uint8Array {
  const bytes = text(name);
  const problem =
    name === "" || name === "." || name === ".."
      ? "names no interface"
      : bytes.length > longestName + 1
        ? `longer than ${longestName} bytes`
        : /[\s/:%\u0000-\u001f\u007f]/.test(name)
          ? "holds white space, a control character, a slash, a colon or a percent sign"
          : undefined;
  if (problem === undefined) return bytes;
  const asked = `name an interface ${JSON.stringify(name.slice(0, 64))}`;
  throw new NetlinkError({ asked, fault: "INVALID_NAME", explanation: problem });
}
