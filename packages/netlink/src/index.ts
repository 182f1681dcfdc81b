export { sendMessages } from "./host/request.ts";
export * from "./steps.ts";
