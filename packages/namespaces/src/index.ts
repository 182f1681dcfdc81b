export { namespacePath, readNamespaces, writeIdMaps } from "./host/read.ts";
export * from "./steps.ts";
