import { eraseCredentials, storeCredentials } from "./credential-config.ts";
import { openRegistry, type RegistryOptions } from "./registry.ts";

/**
 * Try credentials against a registry and, if it takes them, keep them.
 *
 * @param o.configPath  Docker's `config.json`.
 * @throws {RegistryError} `ERR_REGISTRY_DENIED` when it does not take them; then nothing is kept
 */
export async function login(
  o: Omit<RegistryOptions, "credentials" | "mirrors"> & {
    readonly username: string;
    readonly password: string;
    readonly configPath: string;
  },
): Promise<void> {
  const { username, password, configPath, ...options } = o;
  await using registry = openRegistry({ ...options, credentials: { username, password } });
  await registry.ping();
  await storeCredentials(configPath, o.host, { username, password });
}

/** Forget the credentials of a registry. @returns whether there were any */
export function logout(o: { readonly host: string; readonly configPath: string }): Promise<boolean> {
  return eraseCredentials(o.configPath, o.host);
}
