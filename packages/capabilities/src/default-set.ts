import { type CapabilityName, capabilityMask } from "./names.ts";

/**
 * What a container gets when nobody says otherwise: the 14 that Docker grants, enough for a package manager
 * or a web server that starts as root and steps down.
 *
 * @see Docker's documentation, "Runtime privilege and Linux capabilities"
 */
export const defaultCapabilityNames: readonly CapabilityName[] = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_FOWNER",
  "CAP_FSETID",
  "CAP_KILL",
  "CAP_SETGID",
  "CAP_SETUID",
  "CAP_SETPCAP",
  "CAP_NET_BIND_SERVICE",
  "CAP_NET_RAW",
  "CAP_SYS_CHROOT",
  "CAP_MKNOD",
  "CAP_AUDIT_WRITE",
  "CAP_SETFCAP",
];

/** {@link defaultCapabilityNames} as a mask: `0xa80425fb`. */
export const defaultCapabilities: bigint = capabilityMask(defaultCapabilityNames);
