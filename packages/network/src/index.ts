export { loopbackSteps } from "@ctr/netlink/steps";
export { defaultRoot, type Lease, type Network, type NetworkOptions, openNetwork } from "./host/open-network.ts";
export { hosts } from "./hosts.ts";
export { NetworkError, type NetworkFault } from "./network-error.ts";
export { type PortMapping, parsePortMapping, type TransportProtocol } from "./port-mapping.ts";
export { resolvConf } from "./resolv-conf.ts";
export type { PublishedPort } from "./rules.ts";
