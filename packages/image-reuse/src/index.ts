export { type BrokenRule, checkBudget, parseBudget, type ReuseBudget } from "./budget.ts";
export { type CompareTreesOptions, compareTrees } from "./host/compare-trees.ts";
export { type ReportReuseOptions, reportReuse } from "./host/report-reuse.ts";
export { ImageReuseError, type ImageReuseErrorCode } from "./image-reuse-error.ts";
export {
  type BlobSize,
  type DuplicateGroup,
  type Duplicates,
  type HostReuse,
  type ImageReuse,
  type ImageSource,
  type LayerReuse,
  type LayerSource,
  type ReuseReport,
  type Split,
  type Tally,
  type Waste,
  type WastedPath,
  wasteBytes,
} from "./reuse-report.ts";
export {
  type Aspect,
  type ChangeSummary,
  type FileFacts,
  type FileType,
  isStoredAgain,
  summarizeChanges,
  type TreeChange,
} from "./tree-change.ts";
