import type { Platform } from "@ctr/oci";
import type { Command } from "commander";
import { readPlatform } from "../platform-flag.ts";
import { withEngine } from "../session.ts";
import { untilSignal } from "../until-signal.ts";

interface Flags {
  readonly quiet?: boolean;
  readonly allTags?: boolean;
  readonly platform?: Platform;
}

/** `pull` and `push`; of `image` too. What they need is loaded when one of them is called. */
export function registerTransfer(parent: Command): void {
  parent
    .command("pull <image>")
    .summary("fetch an image from a registry")
    .option("-q, --quiet", "print only the name")
    .option("-a, --all-tags", "all tags of the repository")
    .option("--platform <os/arch>", "the image for another platform", readPlatform)
    .action((name: string, flags: Flags, command: Command) =>
      withEngine(command, async (engine) => {
        const { pullAllTags, pullImage, scavenging } = await import("../transfer.ts");
        const pull = flags.allTags ? pullAllTags : pullImage;
        await untilSignal((signal) =>
          scavenging(() => pull(engine, name, { ...flags, quiet: flags.quiet ?? false, signal })),
        );
      }),
    );
  parent
    .command("push <image>")
    .summary("send an image to a registry")
    .option("-q, --quiet", "print only the name")
    .option("-a, --all-tags", "all tags that are here")
    .option("--platform <os/arch>", "only the image for one platform", readPlatform)
    .action((name: string, flags: Flags, command: Command) =>
      withEngine(command, async (engine) => {
        const { pushAllTags, pushImage, scavenging } = await import("../transfer.ts");
        const push = flags.allTags ? pushAllTags : pushImage;
        await untilSignal((signal) =>
          scavenging(() => push(engine, name, { ...flags, quiet: flags.quiet ?? false, signal })),
        );
      }),
    );
}
