import type { Reference } from "@ctr/oci";
import { openRegistry, type Registry } from "@ctr/registry";
import type { Context } from "./context.ts";
import { readRegistryOptions } from "./registry-config.ts";

/** The registry of a name, as the state directory says it is reached. @throws {RegistryError} `ERR_REGISTRY_CONFIG` */
export async function connect(
  context: Context,
  reference: Pick<Reference, "domain">,
  signal?: AbortSignal | undefined,
): Promise<Registry> {
  return openRegistry(await readRegistryOptions({ root: context.root, host: reference.domain, signal }));
}

/** What of a name a registry is asked for. */
export const tagOrDigest = (reference: Reference): string => reference.digest ?? reference.tag ?? "latest";
