/** The write that stops or lets go every process of a cgroup. @see Linux Documentation/admin-guide/cgroup-v1/freezer-subsystem.rst; cgroup-v2.rst, "cgroup.freeze" */
export function freezeWrite(version: 1 | 2, freeze: boolean): { readonly file: string; readonly text: string } {
  return version === 1
    ? { file: "freezer.state", text: freeze ? "FROZEN" : "THAWED" }
    : { file: "cgroup.freeze", text: freeze ? "1" : "0" };
}

/**
 * Whether every process has stopped, or been let go. Both take a moment after the write.
 * @param text  v1: `freezer.state`; v2: `cgroup.events`
 */
export function isFrozen(version: 1 | 2, text: string): boolean {
  // FREEZING: some processes have not arrived at a place where they can stop.
  return version === 1 ? text.trim() === "FROZEN" : /^frozen 1$/m.test(text);
}
