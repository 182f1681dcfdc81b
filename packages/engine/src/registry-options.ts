import type { RegistryOptions } from "@ctr/registry";

/** A registry as a state directory sees it. */
export interface RegistryPlace {
  readonly root: string;
  readonly host: string;
  readonly signal?: AbortSignal | undefined;
}

/** @see {@link readRegistryOptions}; loaded when it is asked for: nothing else in a start needs HTTP */
export async function registryOptions(place: RegistryPlace): Promise<RegistryOptions> {
  const { readRegistryOptions } = await import("./registry-config.ts");
  return readRegistryOptions(place);
}
