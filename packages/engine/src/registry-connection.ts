import type { Reference } from "@ctr/oci";
import { credentialsFromConfig, openRegistry, type Registry } from "@ctr/registry";
import { credentialFile } from "./credential-file.ts";

/** The registry of a name, with the credentials that `login` kept. */
export function connect(reference: Reference): Registry {
  return openRegistry({
    host: reference.domain,
    credentials: credentialsFromConfig(credentialFile()),
    proxy: process.env,
  });
}

/** What of a name a registry is asked for. */
export const tagOrDigest = (reference: Reference): string => reference.digest ?? reference.tag ?? "latest";
