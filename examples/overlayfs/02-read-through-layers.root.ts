import { closeSync, constants, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { openIn } from "@ctr/kernel";
import { openOverlay } from "@ctr/overlayfs";

const directory = mkdtempSync(`${tmpdir()}/layers-`);
for (const layer of ["base", "app"]) {
  mkdirSync(`${directory}/${layer}`);
  writeFileSync(`${directory}/${layer}/greeting`, `hello from ${layer}`);
}
const root = openOverlay({ lowers: [`${directory}/app`, `${directory}/base`] }); // mounted nowhere
const file = openIn({ root, path: "greeting", flags: constants.O_RDONLY });
console.log(readFileSync(file, "utf8"));
for (const fd of [file, root]) closeSync(fd);
rmSync(directory, { recursive: true });
// prints: hello from app
