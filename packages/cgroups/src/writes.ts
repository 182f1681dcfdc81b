import type { Step } from "@ctr/plan";

/** A setting that this version of cgroups has no file for; leaving it out restricts nothing less than asked elsewhere. */
export interface Ignored {
  /** `linux.resources.memory.swappiness` */
  readonly option: string;
  readonly why: string;
}

/** Collects the writes of one cgroup in one tree, in the order in which they have to happen. */
export class Writes {
  readonly version: 1 | 2;
  readonly directory: string;
  /** The cgroup exists and has its limits: some are lifted first, so that no order of new values fails. */
  readonly update: boolean;
  readonly steps: Step[] = [];
  readonly ignored: Ignored[] = [];

  constructor(at: { readonly version: 1 | 2; readonly directory: string; readonly update: boolean }) {
    this.version = at.version;
    this.directory = at.directory;
    this.update = at.update;
  }

  /** @param option  field below `linux.resources` that asked for it */
  write(file: string, text: string, option: string, why: string): void {
    const because = { option: `linux.resources.${option}`, why };
    this.steps.push({ do: "write", path: `${this.directory}/${file}`, text, because });
  }

  ignore(option: string, why: string): void {
    this.ignored.push({ option: `linux.resources.${option}`, why });
  }
}
