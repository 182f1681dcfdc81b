import type { Platform } from "@ctr/oci";
import type { Command } from "commander";
import { readPlatform } from "../platform-flag.ts";
import { withEngine } from "../session.ts";
import { untilSignal } from "../until-signal.ts";
import { registerTransfer } from "./transfer.ts";

/** The subcommands of `image` that ask registries; what they need is loaded when one of them is called. */
export function registerRemote(image: Command): void {
  registerTransfer(image);
  image
    .command("copy <source> <target>")
    .summary("copy an image from one registry to another")
    .option("-q, --quiet", "print only the digest")
    .option("-a, --all", "all platforms")
    .option("--platform <os/arch>", "the image for another platform", readPlatform)
    .action(
      (from: string, to: string, flags: { quiet?: boolean; all?: boolean; platform?: Platform }, command: Command) =>
        withEngine(command, async (engine) => {
          const { copyImage } = await import("../transfer.ts");
          await untilSignal((signal) =>
            copyImage(engine, { from, to, all: flags.all ?? false }, { ...flags, quiet: flags.quiet ?? false, signal }),
          );
        }),
    );
  image
    .command("tags <repository>")
    .summary("list the tags of a repository on its registry")
    .action((repository: string, _flags: object, command: Command) =>
      withEngine(command, async (engine) => {
        const { showTags } = await import("../remote-images.ts");
        await showTags(engine, repository);
      }),
    );
  image
    .command("referrers <image>")
    .summary("list what refers to an image on its registry: signatures, attestations")
    .option("--artifact-type <type>", "only those of this type")
    .option("--format <template>", "Go template, `json` or `table …`")
    .action((name: string, flags: { artifactType?: string; format?: string }, command: Command) =>
      withEngine(command, async (engine) => {
        const { showReferrers } = await import("../remote-images.ts");
        await showReferrers(engine, name, flags);
      }),
    );
}
