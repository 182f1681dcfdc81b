import { defaultCapabilities, processCapabilities } from "@ctr/capabilities";
import type { RuntimeConfig } from "@ctr/oci";
import { defaultMaskedPaths, defaultMounts, defaultReadonlyPaths } from "@ctr/rootfs";
import { defaultProfile } from "@ctr/seccomp";
import { hostFacts } from "./host-facts.ts";

/**
 * A configuration with every wall up: new namespaces, Docker's capabilities, the default seccomp profile,
 * masked paths. What `runc spec` prints, for this runtime.
 */
export function defaultConfig(o: { readonly args: readonly string[]; readonly terminal?: boolean }): RuntimeConfig {
  const { machine, available } = hostFacts();
  const capabilities = defaultCapabilities & available;
  return {
    ociVersion: "1.2.1",
    process: {
      terminal: o.terminal ?? false,
      user: { uid: 0, gid: 0 },
      args: o.args,
      env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
      cwd: "/",
      capabilities: processCapabilities(capabilities),
    },
    root: { path: "rootfs" },
    hostname: "ctr",
    mounts: defaultMounts({ shmBytes: 64 << 20, privileged: false }),
    linux: {
      namespaces: (["mount", "pid", "network", "ipc", "uts", "cgroup"] as const).map((type) => ({ type })),
      seccomp: defaultProfile({ capabilities, architecture: machine }),
      maskedPaths: defaultMaskedPaths,
      readonlyPaths: defaultReadonlyPaths,
    },
  };
}
