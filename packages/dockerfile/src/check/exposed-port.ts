/** The parts of `[ip:][host-port:]port[/protocol]`. */
export interface ExposedPort {
  readonly ip: string;
  readonly hostPort: string;
  readonly protocol: string;
}

/** @returns The parts, or why it is no port. */
export function parseExposedPort(text: string): ExposedPort | string {
  const fields = text.split(":");
  const last = fields.pop()!;
  const hostPort = fields.pop() ?? "";
  const ip = fields.join(":");
  const slash = last.indexOf("/");
  const port = slash === -1 ? last : last.slice(0, slash);
  const protocol = slash === -1 ? "tcp" : last.slice(slash + 1) || "tcp";
  if (port === "") return `invalid port: ${JSON.stringify(text)}: no port specified`;
  if (!["tcp", "udp", "sctp"].includes(protocol.toLowerCase()))
    return `invalid port: ${JSON.stringify(text)}: invalid proto: ${protocol}`;
  if (!isPortRange(port)) return `invalid containerPort: ${port}`;
  if (hostPort !== "" && !isPortRange(hostPort)) return `invalid hostPort: ${hostPort}`;
  return { ip, hostPort, protocol };
}

function isPortRange(text: string): boolean {
  const [start = "", end = start, ...more] = text.split("-");
  const numbers = [start, end].map((one) => (/^\d{1,5}$/.test(one) ? Number(one) : Number.NaN));
  return more.length === 0 && numbers.every((port) => port <= 65535) && numbers[0]! <= numbers[1]!;
}
