export { mountTable } from "./host/table.ts";
export * from "./steps.ts";
