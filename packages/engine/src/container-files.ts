import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { hosts, type Lease, resolvConf } from "@ctr/network";
import type { CreateOptions } from "./create-options.ts";
import { hostnameOf } from "./oci-config.ts";

/** Where a container's own files lie: config.json, log.json, exit, attach, hosts, hostname, resolv.conf. */
export function containerDirectory(root: string, id: string): string {
  return join(root, "containers", id);
}

/**
 * Write what a container sees as /etc/hosts, /etc/hostname and /etc/resolv.conf.
 *
 * @throws {NetworkError} for a hostname or address that would forge a line
 */
export function writeNameFiles(directory: string, id: string, options: CreateOptions, lease: Lease | undefined): void {
  const hostname = hostnameOf(id, options);
  const host = options.network === "host";
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  writeFileSync(join(directory, "hostname"), `${hostname}\n`, { mode: 0o644 });
  writeFileSync(
    join(directory, "hosts"),
    hosts({
      hostname,
      ...(lease === undefined ? {} : { ip: lease.address, gateway: lease.gateway }),
      extra: options.addHosts ?? [],
    }),
    { mode: 0o644 },
  );
  const hostText = readHostResolver();
  const asItIs = host && options.dns === undefined;
  writeFileSync(join(directory, "resolv.conf"), asItIs ? hostText : resolvConf({ hostText, dns: options.dns ?? [] }), {
    mode: 0o644,
  });
}

/** systemd-resolved's own address in /etc/resolv.conf leads nowhere from inside a container. */
function readHostResolver(): string {
  for (const path of ["/run/systemd/resolve/resolv.conf", "/etc/resolv.conf"]) {
    try {
      return readFileSync(path, "utf8");
    } catch {
      // The next one, or none: the container gets public servers.
    }
  }
  return "";
}
