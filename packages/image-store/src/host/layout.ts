import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Descriptor, encodeJson, mediaTypes } from "@ctr/oci";
import { type Context, imagesDirectory, temporaryPath } from "./context.ts";
import { all } from "./database.ts";
import { replaceFile } from "./durable.ts";

/**
 * Write `index.json` from the database, so that other tools can open `images/` as an OCI layout. Called
 * inside the transaction that changes the names: the file may be a step ahead of a database that a
 * crash set back, but never names a blob that was removed.
 *
 * @see image-spec image-layout.md#indexjson-file
 */
export function writeLayoutIndex(context: Context): void {
  if (isLayoutCurrent(context)) return; // to replace it waits for the disk twice
  replaceFile({ path: indexPath(context), temporary: temporaryPath(context), text: indexText(context) });
}

/** Whether `index.json` says what the database says. */
export function isLayoutCurrent(context: Context): boolean {
  const path = indexPath(context);
  return existsSync(path) && readFileSync(path, "utf8") === indexText(context);
}

const indexPath = (context: Context): string => join(imagesDirectory(context), "index.json");

function indexText(context: Context): string {
  const rows = all(
    context.database,
    `SELECT descriptor, name FROM image_target LEFT JOIN image_name ON target = digest ORDER BY added_at, digest, name`,
  );
  const manifests = rows.map((row) =>
    named(JSON.parse(row.descriptor as string) as Descriptor, row.name as string | null),
  );
  return encodeJson({ schemaVersion: 2, mediaType: mediaTypes.index, manifests });
}

/** The specification's own annotation, and the one that containerd and Docker look at. */
function named(descriptor: Descriptor, name: string | null): Descriptor {
  if (name === null) return descriptor;
  return {
    ...descriptor,
    annotations: {
      ...descriptor.annotations,
      "org.opencontainers.image.ref.name": name,
      "io.containerd.image.name": name,
    },
  };
}

/** Make the layout's marker and an index, unless they are there. */
export function ensureLayout(context: Context): void {
  const marker = join(imagesDirectory(context), "oci-layout");
  if (!existsSync(marker))
    replaceFile({ path: marker, temporary: temporaryPath(context), text: '{"imageLayoutVersion":"1.0.0"}' });
  if (!existsSync(join(imagesDirectory(context), "index.json"))) writeLayoutIndex(context);
}
