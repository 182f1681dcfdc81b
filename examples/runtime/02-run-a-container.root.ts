import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { exitCode } from "@ctr/kernel";
import { defaultConfig, run } from "@ctr/runtime";

const busybox = ["/bin/busybox", "/usr/bin/busybox"].find((path) => existsSync(path))!; // a static one
const rootfs = mkdtempSync(`${tmpdir()}/rootfs-`);
mkdirSync(`${rootfs}/bin`);
cpSync(busybox, `${rootfs}/bin/sh`, { dereference: true });

const config = defaultConfig({ args: ["sh", "-c", "echo PID $$ of $(hostname); exit 7"] });
await using container = await run({ config, rootfs });
console.log("exit code", exitCode(await container.ended()));
rmSync(rootfs, { recursive: true });
// prints: PID 1 of ctr
// prints: exit code 7
