import type { Step, StepBody } from "./step.ts";

const octal = (mode: number): string => mode.toString(8).padStart(4, "0");
const quote = (text: string): string => (/^[\w@%+=:,./-]+$/.test(text) ? text : JSON.stringify(text));
const list = (words: readonly string[]): string => (words.length === 0 ? "" : ` (${words.join(", ")})`);
const where = (at: { in: "host" | "rootfs" }, path: string): string =>
  at.in === "rootfs" ? `‹rootfs›${path.startsWith("/") ? "" : "/"}${path}` : path;
const size = (bytes: number): string => `${bytes} byte${bytes === 1 ? "" : "s"}`;

const words: { readonly [Name in StepBody["do"]]: (step: Extract<StepBody, { do: Name }>) => string } = {
  write: (s) => `write ${JSON.stringify(s.text)} to ${s.path}`,
  joinNamespace: (s) => `join the ${s.type} namespace ${s.path}`,
  joinProcess: (s) => `join the ${s.types.join(", ")} namespaces of the process behind fd ${s.pidfd}`,
  unshare: (s) => `new ${s.types.join(", ")} namespace`,
  barrier: (s) => `wait for the parent: ${s.name}`,
  fork: () => "go on in a child of the same parent",
  newSession: () => "new session",
  newKeyring: (s) => `new session keyring ${quote(s.name)}`,
  setHostname: (s) => `hostname ${quote(s.name)}`,
  setDomainname: (s) => `domain name ${quote(s.name)}`,
  setLimit: (s) => `limit ${s.type} to ${s.soft} (soft) and ${s.hard} (hard)`,
  setUmask: (s) => `umask ${octal(s.mask)}`,
  sendNetlink: (s) => `netlink, protocol ${s.protocol}: ${size(s.messages.length)}`,
  mount: (s) => `mount ${s.type} at ${where(s, s.target)}${list([...s.options, ...s.attributes])}`,
  bind: (s) =>
    `bind ${s.from === "rootfs" ? "‹rootfs›" : ""}${s.source} at ${where(s, s.target)}${list([
      ...(s.recursive ? ["recursive"] : []),
      ...s.set,
      ...s.clear.map((flag) => `not ${flag}`),
      ...(s.propagation === "keep" ? [] : [s.propagation]),
      ...(s.idmap >= 0 ? ["id-mapped"] : []),
    ])}`,
  attach: (s) => `attach the mount behind fd ${s.fd} at ${where(s, s.target)}`,
  setMount: (s) =>
    `make ${where(s, s.target)} ${[...s.set, ...s.clear.map((flag) => `not ${flag}`), ...(s.propagation === "keep" ? [] : [s.propagation])].join(", ")}${s.recursive ? ", and all below" : ""}`,
  unmount: (s) => `unmount ${where(s, s.target)}${s.detach ? " once it is unused" : ""}`,
  mask: (s) => `hide ‹rootfs›${s.target}`,
  makeReadOnly: (s) => `make ‹rootfs›${s.target} read-only`,
  enterRootfs: (s) => `‹rootfs› is ${s.path}`,
  pivotRoot: () => "pivot_root: ‹rootfs› becomes /, the old root goes away",
  makeDirectory: (s) => `directory ${where(s, s.path)}, mode ${octal(s.mode)}, owner ${s.uid}:${s.gid}`,
  makeFile: (s) => `file ${where(s, s.path)}, ${size(s.bytes.length)}, mode ${octal(s.mode)}, owner ${s.uid}:${s.gid}`,
  extendFile: (s) => `${size(s.bytes.length)} at ${s.offset} of ${where(s, s.path)}`,
  makeSymlink: (s) => `symlink ${where(s, s.path)} → ${quote(s.text)}`,
  makeHardlink: (s) => `hard link ${where(s, s.path)} = ${s.existing}`,
  makeNode: (s) =>
    `${s.kind} node ${where(s, s.path)}${s.kind === "fifo" ? "" : ` ${s.major}:${s.minor}`}, mode ${octal(s.mode)}`,
  setXattr: (s) => `attribute ${s.name} of ${where(s, s.path)}, ${size(s.value.length)}`,
  setTime: (s) => `time of ${where(s, s.path)}`,
  remove: (s) => `remove ${where(s, s.path)}`,
  empty: (s) => `remove what is in ${where(s, s.path)}`,
  setSysctl: (s) => `sysctl ${s.name} = ${quote(s.value)}`,
  openTerminal: (s) => `terminal of ${s.columns}×${s.rows} as stdio and /dev/console`,
  limitCapabilities: (s) => `capability bounding set ${s.bounding.toString(16).padStart(16, "0")}`,
  setUser: (s) => `user ${s.uid}, group ${s.gid}${s.groups.length > 0 ? `, also in ${s.groups.join(" ")}` : ""}`,
  setCapabilities: (s) =>
    `capabilities ${s.effective.toString(16).padStart(16, "0")}${s.ambient > 0n ? `, ambient ${s.ambient.toString(16)}` : ""}`,
  setNoNewPrivileges: () => "no new privileges",
  loadSeccomp: (s) => `seccomp filter of ${s.program.length / 8} instructions`,
  changeDirectory: (s) => `go to ${s.path}`,
  closeOthers: (s) => `close all from fd ${s.from} on at the exec`,
  becomeInit: () => "stay as PID 1 that reaps and forwards signals; go on in a child",
  exec: (s) => `exec ${s.argv.map(quote).join(" ")}`,
};

/** Names come from images and users: none may end the line or speak to the terminal, nor turn its direction. */
const printable = (text: string): string =>
  text.replace(
    /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );

/** One line in words: what a step does, without why. */
export function explainStep(step: Step): string {
  return printable((words[step.do] as (step: Step) => string)(step));
}

/** A plan as people read it: one line per step, what it does and which option asked for it. */
export function explain(steps: readonly Step[]): string {
  const lines = steps.map(explainStep);
  const digits = String(steps.length).length;
  const width = Math.min(76, Math.max(0, ...lines.map((line) => line.length)));
  return steps
    .map(
      (step, index) =>
        `${String(index + 1).padStart(digits)}  ${lines[index]!.padEnd(width)}  ${printable(`${step.because.option}: ${step.because.why}`)}`,
    )
    .join("\n");
}
