export { type Fault, type FaultRule, type FaultyRegistry, faultyRegistry } from "./faulty-registry.ts";
export { type HostileDocument, hostileDocuments } from "./hostile-documents.ts";
