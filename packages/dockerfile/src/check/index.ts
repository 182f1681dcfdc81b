export { type CheckError, type CheckReport, check } from "./check.ts";
export type { BaseImage, CheckInput } from "./check-input.ts";
export type { CheckWarning } from "./linter.ts";
export { renderCheck, renderCheckError } from "./render-check.ts";
export { type CheckRule, type CheckRuleName, checkRules } from "./rules.ts";
