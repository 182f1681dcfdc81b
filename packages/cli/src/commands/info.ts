import { release } from "node:os";
import { version } from "@ctr/engine";
import type { Command } from "commander";
import { withEngine } from "../session.ts";
import { fillTemplate } from "../template.ts";

export function register(program: Command): void {
  program
    .command("info")
    .summary("show what this machine and the state directory are like")
    .option("-f, --format <template>", "Go template, or `json`")
    .action((flags: { format?: string }, command: Command) =>
      withEngine(command, async (engine) => {
        const info = engine.info();
        if (flags.format !== undefined)
          process.stdout.write(
            `${flags.format === "json" ? JSON.stringify(info) : fillTemplate(flags.format, info)}\n`,
          );
        else
          process.stdout.write(
            Object.entries(info)
              .map(([name, value]) => ` ${words(name)}: ${Array.isArray(value) ? value.join(" ") : value}\n`)
              .join(""),
          );
      }),
    );
  program
    .command("version")
    .summary("show versions")
    .option("-f, --format <template>", "Go template, or `json`")
    .action((flags: { format?: string }) => {
      const side = {
        Version: version,
        NodeVersion: process.versions.node,
        Os: "linux",
        Arch: process.arch === "x64" ? "amd64" : process.arch,
        KernelVersion: release(),
      };
      const document = { Client: side, Server: side };
      if (flags.format === undefined)
        process.stdout.write(
          `ctr ${version}\n Node:   ${process.versions.node}\n Kernel: ${release()}\n OS:     linux/${side.Arch}\n`,
        );
      else
        process.stdout.write(
          `${flags.format === "json" ? JSON.stringify(document) : fillTemplate(flags.format, document)}\n`,
        );
    });
}

/** `CgroupVersion` as two words. */
const words = (name: string): string => name.replace(/(?<=[a-z])(?=[A-Z])/g, " ");
