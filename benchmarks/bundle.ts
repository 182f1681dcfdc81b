import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { encodeJson, type RuntimeConfig } from "@ctr/oci";
import { defaultConfig } from "@ctr/runtime";

/**
 * What every container of a comparison is: Docker's capabilities and seccomp profile, masked paths, six
 * namespaces of its own, limits on memory, CPU and processes.
 */
export function containerConfig(o: { readonly cgroupsPath: string }): RuntimeConfig {
  const config = defaultConfig({ args: ["/true"] });
  return {
    ...config,
    linux: {
      ...config.linux,
      cgroupsPath: o.cgroupsPath,
      resources: { memory: { limit: 256 << 20 }, cpu: { period: 100_000, quota: 150_000 }, pids: { limit: 100 } },
    },
  };
}

// The oldest that says all this; crun before 1.9 takes no newer one.
const ociVersion = "1.0.2";

/** Write `config` as an OCI bundle whose rootfs is elsewhere. */
export function writeBundle(directory: string, config: RuntimeConfig, rootfs: string): string {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, "config.json"), encodeJson({ ...config, ociVersion, root: { path: rootfs } }));
  return directory;
}
