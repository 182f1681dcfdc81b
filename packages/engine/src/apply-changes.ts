// `ctr commit` and `ctr import` change an image's settings by Dockerfile instructions. Loaded with them only:
// the builder is large.
export { applyChanges } from "@ctr/builder";
