import {
  addAddress,
  addBridge,
  configureLink,
  deleteLink,
  dumpAddresses,
  dumpLinks,
  dumpRoutes,
  getLink,
  type Link,
  NetlinkError,
  type NetlinkMessage,
  type Prefix,
  type ReceivedMessage,
  type Route,
  readAddresses,
  readLinks,
  readRoutes,
  sendMessages,
  setLinkState,
} from "@ctr/netlink";
import { NetworkError } from "../network-error.ts";
import { chooseSubnet, isFree, isOurMac, macOf, type Subnet, subnetOf, toText } from "../subnet.ts";

/** Of Ethernet. The uplink of a virtual machine or a VPN often has less. */
const usualMtu = 1500;

/** The bridge of one network, in the namespace that is the host. */
export class Bridge {
  readonly name: string;
  readonly #namespace: string | undefined;

  constructor(name: string, namespace: string | undefined) {
    this.name = name;
    this.#namespace = namespace;
  }

  /** Send rtnetlink requests where the bridge is. */
  send(...messages: readonly NetlinkMessage[]): ReceivedMessage[] {
    return sendMessages({ protocol: "route", messages, namespace: this.#namespace });
  }

  /** @throws {NetworkError} `ERR_NETWORK_NAME_TAKEN` when an interface with its name was not made here. */
  find(): Link | undefined {
    const found = readLinks(this.#ignoring("ENODEV", getLink(this.name)))[0];
    if (found !== undefined && (found.kind !== "bridge" || !isOurMac(found.mac)))
      throw new NetworkError("NAME_TAKEN", `the interface ${this.name} is there and was not made by this network`, {
        hint: "give the network another bridge name",
      });
    return found;
  }

  /** The answer, or nothing when the kernel refused with this errno. */
  #ignoring(symbol: string, message: NetlinkMessage): ReceivedMessage[] {
    try {
      return this.send(message);
    } catch (error) {
      if (error instanceof NetlinkError && error.symbol === symbol) return [];
      throw error;
    }
  }

  /** The subnet that a bridge made earlier has; undefined when it has no address. */
  subnetOf(link: Link): Subnet | undefined {
    const own = readAddresses(this.send(dumpAddresses())).find(
      (one) => one.index === link.index && one.address.length === 4,
    );
    if (own === undefined) return undefined;
    const base = own.address.map(
      (byte, i) => byte & (0xff << (8 - Math.max(0, Math.min(8, own.prefixLength - 8 * i)))),
    );
    return subnetOf(`${base.join(".")}/${own.prefixLength}`);
  }

  /**
   * Make the bridge and set it up. It is up last: one that is found down was left half made.
   * @param o.preferred  the subnet of last time, taken again when it is still free
   * @param o.fixed  a subnet that was asked for: taken, or refused
   * @throws {NetworkError} `ERR_NETWORK_NO_FREE_SUBNET`.
   */
  make(o: { preferred?: string | undefined; fixed?: string | undefined; start: number }): Subnet {
    const routes = readRoutes(this.send(dumpRoutes()));
    const subnet = this.#choose(o, routes);
    const mtu = this.#uplinkMtu(routes);
    this.send(
      addBridge({ name: this.name, mac: macOf(subnet.gateway), mtu }),
      configureLink({ name: this.name, routeLocalnet: true }),
    );
    this.#ignoring("EAFNOSUPPORT", configureLink({ name: this.name, noInet6Address: true })); // IPv6 may be off
    const { index } = this.find()!;
    const prefix = `${toText(subnet.gateway)}/${subnet.prefix.length}`;
    this.send(addAddress({ index, prefix }), setLinkState({ name: this.name, up: true }));
    return subnet;
  }

  /** Remove the bridge; none is fine. Its ports stay and die with their containers. */
  remove(): void {
    if (this.find() !== undefined) this.#ignoring("ENODEV", deleteLink(this.name));
  }

  #choose(o: { preferred?: string | undefined; fixed?: string | undefined; start: number }, routes: Route[]): Subnet {
    const addresses: Prefix[] = readAddresses(this.send(dumpAddresses())).map((one) => ({
      address: one.address,
      length: one.prefixLength,
    }));
    const used = [...routes.map((route) => route.destination), ...addresses];
    if (o.fixed !== undefined) {
      const fixed = subnetOf(o.fixed);
      if (isFree(fixed.prefix, used)) return fixed;
      throw new NetworkError(
        "NO_FREE_SUBNET",
        `make bridge ${this.name}: ${o.fixed} meets a network that this host has a route to`,
      );
    }
    const preferred = o.preferred === undefined ? undefined : subnetOf(o.preferred);
    return preferred && isFree(preferred.prefix, used) ? preferred : chooseSubnet({ used, start: o.start });
  }

  /** A container that sends larger packets than its uplink takes depends on ICMP errors that many networks drop. */
  #uplinkMtu(routes: readonly Route[]): number {
    const uplink = routes.find((route) => route.destination.length === 0 && route.destination.address.length === 4);
    const link = readLinks(this.send(dumpLinks())).find((one) => one.index === uplink?.index);
    return Math.min(usualMtu, Math.max(link?.mtu ?? usualMtu, 576));
  }
}
