export {
  type AddressBytes,
  broadcastOf,
  formatAddress,
  netmask,
  type Prefix,
  parseAddress,
  parseIpv4,
  parsePrefix,
  prefixesOverlap,
} from "./address.ts";
export {
  type Attribute,
  attribute,
  be16,
  be32,
  find,
  nested,
  readAttributes,
  readBigEndian,
  readNumber,
  readText,
  text,
  u8,
  u32,
} from "./attribute.ts";
export { deleteFlow, dumpFlows, readUdpFlows, type UdpFlow } from "./conntrack.ts";
export { interfaceSteps, loopbackSteps, netlinkStep } from "./container-steps.ts";
export { addAddress, deleteAddress, dumpAddresses, type InterfaceAddress, readAddresses } from "./interface-address.ts";
export { interfaceName } from "./interface-name.ts";
export {
  addBridge,
  addVeth,
  configureLink,
  deleteLink,
  dumpLinks,
  getLink,
  type Link,
  type MacAddress,
  type NamespaceOf,
  readLinks,
  renameLink,
  setHairpin,
  setLinkState,
} from "./link.ts";
export {
  decodeMessages,
  encodeMessages,
  messageFlags,
  type NetlinkMessage,
  netlinkProtocols,
  type ReceivedMessage,
  readReply,
} from "./message.ts";
export { NetlinkError, type NetlinkFault } from "./netlink-error.ts";
export {
  dumpElements,
  dumpRules,
  dumpTables,
  type ListedElement,
  type ListedRule,
  readElements,
  readRules,
  readTables,
} from "./nft-dump.ts";
export { type Expression, encodeExpressions, type Register, type Verdict } from "./nft-expression.ts";
export { addElements, addSet, deleteElements, deleteSet, type Element, type FieldType } from "./nft-map.ts";
export { matchChanged, matchFamily, matchInet4, matchInterface, matchLocal, matchState } from "./nft-match.ts";
export {
  addChain,
  addRule,
  addTable,
  deleteChain,
  deleteRules,
  deleteTable,
  getTable,
  type Hook,
  nftBatch,
  type Table,
  type TableFamily,
} from "./nft-table.ts";
export { addRoute, deleteRoute, dumpRoutes, type Route, readRoutes } from "./route.ts";
export { dumpListening, type ListeningSocket, readListening } from "./socket-diag.ts";
