import { NetlinkError, parseAddress } from "@ctr/netlink/steps";
import { checkAddress, checkName } from "./name-check.ts";
import { NetworkError } from "./network-error.ts";

/** Used when the host's servers are all on its loopback, which the container cannot reach. */
const publicServers = ["8.8.8.8", "8.8.4.4"];
/** A resolver reads no more (MAXNS of <resolv.h>), and a file of the host may be anything. */
const longestHostText = 64 * 1024;
const optionWord = /^[a-z0-9-]{1,64}(?::[0-9]{1,10})?$/;

/**
 * The container's /etc/resolv.conf. What is given replaces what the host's file says; servers on the host's
 * loopback are left out; with none left, Google's public ones are named, as Docker does.
 *
 * @param o.hostText  content of the host's file. Where systemd-resolved runs, that is
 *   /run/systemd/resolve/resolv.conf: the one in /etc names only its own loopback address.
 * @param o.search  domains; `["."]` means none
 * @throws {NetworkError} `ERR_NETWORK_INVALID_DNS` for a server, domain or option that is not one word.
 * @see resolv.conf(5)
 */
export function resolvConf(o: {
  hostText: string;
  dns?: readonly string[];
  search?: readonly string[];
  options?: readonly string[];
}): string {
  const host = parse(o.hostText.slice(0, longestHostText));
  const given = (o.dns ?? []).map((server) => checkAddress(server, "INVALID_DNS", "DNS server"));
  const usable = host.servers.filter((server) => !isLoopback(server));
  const servers = given.length > 0 ? given : usable.length > 0 ? usable : publicServers;
  const search = o.search?.length ? o.search.filter((domain) => domain !== ".") : host.search;
  const options = o.options?.length ? o.options : host.options;
  for (const domain of search) checkName(domain, "INVALID_DNS", "DNS search domain");
  for (const option of options)
    if (!optionWord.test(option))
      throw new NetworkError(
        "INVALID_DNS",
        `DNS option ${JSON.stringify(option.slice(0, 80))}: write name or name:number`,
      );
  return [
    ...servers.map((server) => `nameserver ${server}`),
    ...(search.length > 0 ? [`search ${search.join(" ")}`] : []),
    ...(options.length > 0 ? [`options ${options.join(" ")}`] : []),
    "",
  ].join("\n");
}

interface HostResolver {
  readonly servers: string[];
  readonly search: string[];
  readonly options: string[];
}

/** What the host's file says; lines and words that are not understood are passed over, as a resolver does. */
function parse(hostText: string): HostResolver {
  const found: { servers: string[]; search: string[]; options: string[] } = { servers: [], search: [], options: [] };
  for (const line of hostText.split("\n")) {
    const [keyword, ...words] = line
      .split(/[#;]/, 1)[0]!
      .trim()
      .split(/[ \t]+/);
    if (keyword === "nameserver" && words[0] !== undefined && isAddress(words[0])) found.servers.push(words[0]);
    // Of several search or domain lines the last one counts.
    if (keyword === "search" || keyword === "domain")
      found.search = words.filter((word) => /^[A-Za-z0-9._-]{1,253}$/.test(word) && word !== ".");
    if (keyword === "options") found.options.push(...words.filter((word) => optionWord.test(word)));
  }
  return found;
}

/** A link-local server (`fe80::1%eth0`) is not one for the container: it is on another link. */
function isAddress(text: string): boolean {
  try {
    parseAddress(text);
    return true;
  } catch (error) {
    if (error instanceof NetlinkError) return false;
    throw error;
  }
}

function isLoopback(server: string): boolean {
  const bytes = parseAddress(server);
  return bytes.length === 4 ? bytes[0] === 127 : bytes.every((byte, i) => byte === (i === 15 ? 1 : 0));
}
