import type { Document, Engine } from "@ctr/engine";
import type { Command } from "commander";
import { harmless } from "../failure.ts";
import { withEngine } from "../session.ts";
import { fillTemplate } from "../template.ts";

interface Flags {
  readonly format?: string;
  readonly type?: string;
}

export function register(program: Command): void {
  program
    .command("inspect <name...>")
    .summary("show all about containers or images")
    .option("-f, --format <template>", "Go template, or `json`")
    .option("--type <type>", "container or image")
    .action((names: string[], flags: Flags, command: Command) =>
      withEngine(command, async (engine) => {
        const found: Document[] = [];
        for (const name of names) {
          try {
            found.push(await inspect(engine, name, flags.type));
          } catch (error) {
            process.stderr.write(`Error: ${harmless((error as Error).message)}\n`);
            process.exitCode = 1;
          }
        }
        process.stdout.write(showDocuments(found, flags.format));
      }),
    );
}

/** A list as JSON, or each by a template. */
export function showDocuments(found: readonly Document[], format: string | undefined): string {
  if (format === undefined) return `${JSON.stringify(found, null, 4)}\n`;
  return found
    .map((document) => `${format === "json" ? JSON.stringify(document) : fillTemplate(format, document)}\n`)
    .join("");
}

async function inspect(engine: Engine, name: string, type: string | undefined): Promise<Document> {
  if (type === "container") return engine.containers.inspect(name);
  if (type === "image") return engine.images.inspect(name);
  try {
    return await engine.containers.inspect(name);
  } catch (error) {
    if ((error as { code?: string }).code !== "ERR_ENGINE_NO_CONTAINER") throw error;
  }
  try {
    return await engine.images.inspect(name);
  } catch (error) {
    if ((error as { code?: string }).code === "ERR_IMAGE_NOT_FOUND") throw new Error(`No such object: ${name}`);
    throw error;
  }
}
