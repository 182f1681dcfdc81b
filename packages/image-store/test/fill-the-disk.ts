// Run by no-space.root.test.ts on a file system of its own that is too small.
import { openStore } from "../src/index.ts";
import { filesOf } from "./files-of.ts";
import { digestOf } from "./make-image.ts";

const store = openStore({ root: process.argv[2] ?? "" });
const bytes = new Uint8Array(16 * 1024 * 1024);
const attempts = [
  () => store.writeBlob(bytes),
  () =>
    store.addLayer({
      chainId: digestOf("a"),
      diffId: digestOf("a"),
      fill: async (diff) => (await import("node:fs/promises")).writeFile(`${diff}/big`, bytes),
    }),
];
for (const attempt of attempts)
  try {
    await attempt();
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    console.log(code, message.includes("no space left on device"), JSON.stringify(filesOf(store.root)));
  }
