import { createHash, randomBytes, randomInt } from "node:crypto";
import type { DatabaseSync } from "node:sqlite";
import {
  addVeth,
  deleteTable,
  dumpAddresses,
  getTable,
  interfaceSteps,
  loopbackSteps,
  NetlinkError,
  type NetlinkMessage,
  nftBatch,
  readAddresses,
  sendMessages,
  setHairpin,
  type Table,
} from "@ctr/netlink";
import type { Step } from "@ctr/plan";
import { NetworkError } from "../network-error.ts";
import type { PortMapping } from "../port-mapping.ts";
import { type Forward, type PublishedPort, publishMessages, tableMessages, withdrawMessages } from "../rules.ts";
import { macOf, type Subnet, subnetOf, toText } from "../subnet.ts";
import { Bridge } from "./bridge.ts";
import { enableForwarding } from "./forwarding.ts";
import { LeaseTable } from "./lease-table.ts";
import { ListeningSockets } from "./listening.ts";
import { choosePort } from "./port-choice.ts";
import { forgetUdpFlows } from "./udp-flows.ts";

/** The state directory whose bridge is `ctr0` and whose table is `ctr`; others carry a hash of theirs. */
export const defaultRoot = "/var/lib/ctr";
/**
 * Index of the container's interface in its namespace. Known beforehand so that the container needs to look
 * for nothing; above what lo and the tunnel devices of loaded modules take in a new namespace.
 */
const peerIndex = 100;
/** Indexes that the kernel does not reach by counting up. */
const hostIndexes = { first: 1 << 20, last: 1 << 30 } as const;
const attempts = 8;
const loopbackNetwork = /^127\./;

export interface NetworkOptions {
  /** Open database of the state directory; this network's tables begin with `network_`. Stays the caller's. */
  readonly database: DatabaseSync;
  /** The state directory. Networks of different directories share nothing on the host. */
  readonly root: string;
  /** Path of the network namespace that is the host; default: this process's. */
  readonly hostNamespace?: string;
  /** Name of the bridge, at most 15 bytes. */
  readonly bridge?: string;
  /** IPv4 network of the containers; default: a private one that no route of the host meets. */
  readonly subnet?: string;
  /**
   * What becomes of the bridge and the table when the last container disconnects. Removing them waits for
   * grace periods of the kernel, some 40 ms, and making them again takes 10: `keep` leaves both to `housekeeping`.
   * Default: `remove`.
   */
  readonly whenEmpty?: "remove" | "keep";
}

/** A container's place in the network. */
export interface Lease {
  readonly containerId: string;
  readonly hostname: string;
  /** `10.88.0.2` */
  readonly address: string;
  readonly prefixLength: number;
  readonly gateway: string;
  /** `02:63:0a:58:00:02` */
  readonly mac: string;
  readonly interfaceName: string;
  readonly ports: readonly PublishedPort[];
  /** What the container does in its own network namespace, after `connect`. */
  readonly steps: readonly Step[];
}

/** Bridge, addresses and published ports of one state directory. Nothing is made on the host yet. */
export function openNetwork(options: NetworkOptions): Network {
  return new Network(options);
}

export class Network {
  readonly #rows: LeaseTable;
  readonly #bridge: Bridge;
  readonly #table: Table;
  readonly #options: NetworkOptions;
  /** Name of the bridge on the host. It exists while containers are connected. */
  readonly bridge: string;

  constructor(options: NetworkOptions) {
    const suffix = options.root === defaultRoot ? undefined : digest(options.root).toString("hex").slice(0, 8);
    this.#options = options;
    this.#rows = new LeaseTable(options.database);
    this.bridge = options.bridge ?? (suffix ? `ctr-${suffix}` : "ctr0");
    this.#bridge = new Bridge(this.bridge, options.hostNamespace);
    this.#table = { family: "inet", name: suffix ? `ctr-${suffix}` : "ctr" };
  }

  /**
   * Reserve an address and host ports; afterwards the bridge and the table are there. A lease that the
   * container has is given up first. A refusal leaves nothing behind.
   *
   * @throws {NetworkError} `ERR_NETWORK_PORT_ALLOCATED`, `ERR_NETWORK_ADDRESS_NOT_HERE`, `ERR_NETWORK_NAME_TAKEN`,
   *   `ERR_NETWORK_NO_FREE_ADDRESS`, `ERR_NETWORK_NO_FREE_SUBNET`, `ERR_NETWORK_FORWARDING_OFF`.
   * @throws {NetlinkError} `ERR_NETLINK_EPERM` without CAP_NET_ADMIN on the host.
   */
  lease(o: { containerId: string; hostname: string; ports: readonly PortMapping[] }): Lease {
    try {
      return this.#rows.transaction(() => {
        this.#withdraw(this.#forget([o.containerId]));
        const subnet = this.#prepareHost();
        const address = this.#rows.reserveAddress(o.containerId, subnet);
        const ports = this.#reservePorts(o.containerId, o.ports);
        return leaseOf({ ...o, address, subnet, ports });
      });
    } catch (error) {
      this.#clearAfterRefusal();
      throw error;
    }
  }

  /**
   * Make the veth pair, its peer in the network namespace of `pid`, and open the published ports.
   * @throws {NetworkError} `ERR_NETWORK_NOT_LEASED` after `disconnect`.
   * @throws {NetlinkError}
   */
  async connect(lease: Lease, o: { pid: number }): Promise<void> {
    this.#rows.transaction(() => {
      if (!this.#rows.setConnected(lease.containerId))
        throw new NetworkError("NOT_LEASED", `connect container ${lease.containerId}: it has no lease`);
      this.#addVeth(lease, o.pid);
      const forwards = this.#rows.forwards(lease.containerId);
      this.#changeTable(publishMessages(this.#table, forwards));
      forgetUdpFlows(forwards, this.#options.hostNamespace);
    });
  }

  /**
   * Close the container's ports and give its address back; without a lease nothing happens. The veth pair
   * dies with the container's namespace, which is cheaper than deleting it. With the last lease the bridge
   * and the table go, unless `whenEmpty` says otherwise.
   */
  async disconnect(containerId: string): Promise<void> {
    this.#rows.transaction(() => {
      if (!this.#rows.has(containerId)) return;
      const forwards = this.#forget([containerId]);
      if (this.#rows.isEmpty() && !this.#keepsHost) this.#clearHost(forwards);
      else this.#withdraw(forwards);
    });
  }

  /**
   * Give up the leases of containers that are gone, and put back what the rest needs and the host lost.
   * @param isAlive  also true for a container that is still being started
   * @returns ids of the containers whose leases were given up
   */
  housekeeping(isAlive: (containerId: string) => boolean): string[] {
    const gone = this.#rows.containers().filter((id) => !isAlive(id));
    this.#rows.transaction(() => {
      const forwards = this.#forget(gone);
      if (this.#rows.isEmpty()) this.#clearHost(forwards);
      else {
        this.#prepareHost();
        this.#withdraw(forwards);
      }
    });
    return gone;
  }

  get #keepsHost(): boolean {
    return this.#options.whenEmpty === "keep";
  }

  /** Bridge, table and forwarding, made where missing. */
  #prepareHost(): Subnet {
    const link = this.#bridge.find();
    const adopted = link?.up ? this.#bridge.subnetOf(link) : undefined;
    if (link !== undefined && adopted === undefined) this.#bridge.remove();
    const subnet =
      adopted ??
      this.#bridge.make({
        preferred: this.#rows.subnet(),
        fixed: this.#options.subnet,
        start: this.#options.root === defaultRoot ? 0 : digest(this.#options.root).readUInt32BE(8),
      });
    this.#rows.setSubnet(subnet);
    const hasTable = this.#hasTable();
    if (adopted === undefined || !hasTable) this.#writeTable(subnet, { replace: hasTable });
    enableForwarding(this.#options.hostNamespace);
    return subnet;
  }

  /** Why the lease was refused matters more than why this is refused, too: often both for want of privilege. */
  #clearAfterRefusal(): void {
    try {
      this.#rows.transaction(() => {
        if (this.#rows.isEmpty() && !this.#keepsHost) this.#clearHost([]);
      });
    } catch (error) {
      if (!(error instanceof NetlinkError || error instanceof NetworkError)) throw error;
    }
  }

  /** No table, no bridge; `forwards` are those that were still open. */
  #clearHost(forwards: readonly Forward[]): void {
    ignoring("ENOENT", () => this.#sendRules([deleteTable(this.#table)]));
    forgetUdpFlows(forwards, this.#options.hostNamespace);
    this.#bridge.remove();
  }

  /** Take the leases out of the database. What led to them is still in the table. */
  #forget(containerIds: readonly string[]): Forward[] {
    const forwards = containerIds.flatMap((id) => this.#rows.forwards(id));
    for (const id of containerIds) this.#rows.remove(id);
    return forwards;
  }

  #withdraw(forwards: readonly Forward[]): void {
    this.#changeTable(withdrawMessages(this.#table, forwards));
    forgetUdpFlows(forwards, this.#options.hostNamespace);
  }

  #reservePorts(containerId: string, mappings: readonly PortMapping[]): PublishedPort[] {
    const sockets = new ListeningSockets(this.#options.hostNamespace);
    const holderOf = (port: PublishedPort): string | undefined => {
      const owner = this.#rows.ownerOfPort(port);
      if (owner !== undefined) return owner === containerId ? "this container itself" : `container ${owner}`;
      return sockets.has(port) ? "a program on the host" : undefined;
    };
    this.#checkAddresses(mappings);
    return mappings.map((mapping) => {
      const port = choosePort(mapping, holderOf);
      this.#rows.reservePort(containerId, port);
      return port;
    });
  }

  /** As bind(2) would, refuse addresses that are not the host's. */
  #checkAddresses(mappings: readonly PortMapping[]): void {
    const wanted = mappings.filter(({ hostIp }) => hostIp !== "0.0.0.0" && !loopbackNetwork.test(hostIp));
    if (wanted.length === 0) return;
    const own = new Set(readAddresses(this.#bridge.send(dumpAddresses())).map((one) => one.address.join(".")));
    const missing = wanted.find(({ hostIp }) => !own.has(hostIp));
    if (missing !== undefined)
      throw new NetworkError(
        "ADDRESS_NOT_HERE",
        `Bind for ${missing.hostIp}:${missing.hostPort} failed: no interface of this host has that address`,
      );
  }

  #addVeth(lease: Lease, pid: number): void {
    const bridge = this.#bridge.find();
    if (bridge === undefined)
      throw new NetworkError(
        "NOT_LEASED",
        `connect container ${lease.containerId}: the bridge ${this.#bridge.name} was removed`,
        {
          hint: "lease again",
        },
      );
    const name = `ctr${randomBytes(5).toString("hex")}`;
    const veth = (own: number): NetlinkMessage =>
      addVeth({
        name,
        master: bridge.index,
        ...(bridge.mtu === undefined ? {} : { mtu: bridge.mtu }),
        indexes: { own, peer: peerIndex },
        peer: { name: lease.interfaceName, namespace: { pid }, mac: macBytes(lease.mac) },
      });
    for (let attempt = 1; ; attempt++)
      try {
        this.#bridge.send(veth(randomInt(hostIndexes.first, hostIndexes.last)), setHairpin({ name, on: true }));
        return;
      } catch (error) {
        // One in a thousand million: the index is somebody's.
        if (!(error instanceof NetlinkError && error.symbol === "EBUSY") || attempt === attempts) throw error;
      }
  }

  /** Change elements of the maps; when they are not as they were left, write the whole table again. */
  #changeTable(changes: readonly NetlinkMessage[]): void {
    if (changes.length === 0) return;
    try {
      this.#sendRules(changes);
    } catch (error) {
      const subnet = this.#rows.subnet();
      const isStale = error instanceof NetlinkError && (error.symbol === "ENOENT" || error.symbol === "EEXIST");
      if (!isStale || subnet === undefined) throw error;
      this.#writeTable(subnetOf(subnet), { replace: true });
    }
  }

  #writeTable(subnet: Subnet, o: { replace: boolean }): void {
    const forwards: Forward[] = this.#rows.forwards();
    const batches = tableMessages({ ...o, table: this.#table, bridge: this.#bridge.name, subnet, forwards });
    for (const batch of batches) this.#sendRules(batch);
  }

  #hasTable(): boolean {
    return ignoring("ENOENT", () => this.#send([getTable(this.#table)])) !== undefined;
  }

  #sendRules(changes: readonly NetlinkMessage[]): void {
    this.#send(nftBatch(changes));
  }

  #send(messages: readonly NetlinkMessage[]): unknown {
    return sendMessages({ protocol: "netfilter", messages, namespace: this.#options.hostNamespace });
  }
}

function leaseOf(o: {
  containerId: string;
  hostname: string;
  address: number;
  subnet: Subnet;
  ports: readonly PublishedPort[];
}): Lease {
  const address = toText(o.address);
  const gateway = toText(o.subnet.gateway);
  const prefixLength = o.subnet.prefix.length;
  const because = { option: "--network bridge", why: "the container has a network of its own" };
  const steps = [
    ...loopbackSteps({ ...because, why: "the container can talk to itself" }),
    ...interfaceSteps({ name: "eth0", index: peerIndex, prefix: `${address}/${prefixLength}`, gateway, because }),
  ];
  return {
    containerId: o.containerId,
    hostname: o.hostname,
    address,
    prefixLength,
    gateway,
    mac: [...macOf(o.address)].map((byte) => byte.toString(16).padStart(2, "0")).join(":"),
    interfaceName: "eth0",
    ports: o.ports,
    steps,
  };
}

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

const macBytes = (mac: string): Uint8Array => Uint8Array.from(mac.split(":"), (byte) => Number.parseInt(byte, 16));

/** The result, or undefined when the kernel answered with this errno. */
function ignoring<Result>(symbol: string, ask: () => Result): Result | undefined {
  try {
    return ask();
  } catch (error) {
    if (error instanceof NetlinkError && error.symbol === symbol) return undefined;
    throw error;
  }
}
