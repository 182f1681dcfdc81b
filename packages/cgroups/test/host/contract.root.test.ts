import { describe, test } from "vitest";
import { detectLayout } from "../../src/index.ts";
import { cgroupContract } from "./contract.ts";

const isRoot = process.getuid?.() === 0;
const layout = isRoot ? detectLayout() : undefined;

if (layout === undefined) test.skip("needs root");
else if (layout.kind === "v2") test.skip("this machine has v2: see contract.v2.root.test.ts");
else describe(`cgroups of this machine (${layout.kind})`, () => cgroupContract(layout));
