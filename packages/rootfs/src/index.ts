export { readTextIn } from "./host/read-in-root.ts";
export * from "./steps.ts";
