export { applyFixes, type Fix, type Fixed, type FixRuleName, type TextEdit } from "./edit.ts";
export { type FixOptions, fix, fixRules, fixText } from "./fix.ts";
