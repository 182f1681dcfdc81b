import type { Platform } from "@ctr/oci";
import type { Command } from "commander";
import { readPlatform } from "../platform-flag.ts";
import { withEngine } from "../session.ts";

const collect = (value: string, all: string[] = []): string[] => [...all, value];

interface ImportFlags {
  readonly change?: readonly string[];
  readonly message?: string;
  readonly platform?: Platform;
}

/** `save`, `load` and `import`; of `image` too. What they need is loaded when one of them is called. */
export function register(parent: Command): void {
  parent
    .command("save <image...>")
    .summary("write images to an archive that docker, podman and skopeo load")
    .option("-o, --output <file>", "write there instead of to standard output")
    .action((images: string[], flags: { output?: string }, command: Command) =>
      withEngine(command, async (engine) => {
        const { saveImages } = await import("../image-archives.ts");
        await saveImages(engine, images, flags.output);
      }),
    );
  parent
    .command("load")
    .summary("load images from an archive: of docker save, podman save or skopeo, compressed or not")
    .option("-i, --input <file>", "read that instead of standard input")
    .option("-q, --quiet", "for compatibility: there is no progress to suppress")
    .action((flags: { input?: string }, command: Command) =>
      withEngine(command, async (engine) => {
        const { loadImages } = await import("../image-archives.ts");
        await loadImages(engine, flags.input);
      }),
    );
  parent
    .command("import <file> [name]")
    .summary("make an image of a tar archive of files; `-` is standard input")
    .option("-c, --change <instruction>", "apply a Dockerfile instruction, like CMD or ENV", collect)
    .option("-m, --message <text>", "what its history says")
    .option("--platform <os/arch>", "what the files are for", readPlatform)
    .action((file: string, name: string | undefined, flags: ImportFlags, command: Command) =>
      withEngine(command, async (engine) => {
        const { importFiles } = await import("../image-archives.ts");
        const { change: changes, message, platform } = flags;
        await importFiles(engine, file, {
          ...(name === undefined ? {} : { name }),
          ...(changes === undefined ? {} : { changes }),
          ...(message === undefined ? {} : { message }),
          ...(platform === undefined ? {} : { platform }),
        });
      }),
    );
}
