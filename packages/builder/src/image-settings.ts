import type { CommandLine, ExpandedInstruction } from "@ctr/dockerfile";
import type { ContainerDefaults, Healthcheck } from "@ctr/oci";
import { absolutePath } from "./container-path.ts";

/** Instructions that only note something in the image's configuration. */
export type Setting = Exclude<
  ExpandedInstruction,
  { readonly name: "ADD" | "ARG" | "COPY" | "FROM" | "RUN" | "MAINTAINER" }
>;

export const defaultShell: readonly string[] = ["/bin/sh", "-c"];

/** Why a setting is none. */
export class SettingFailure {
  readonly message: string;
  constructor(message: string) {
    this.message = message;
  }
}

/**
 * The configuration after an instruction.
 *
 * @param o.env  The environment after it, `NAME=value`.
 * @param o.ownCommand  The stage has a CMD of its own, which an ENTRYPOINT leaves alone.
 * @throws {SettingFailure}
 */
export function applySetting(
  config: ContainerDefaults,
  setting: Setting,
  o: { readonly env: readonly string[]; readonly ownCommand: boolean },
): ContainerDefaults {
  switch (setting.name) {
    case "CMD":
      return { ...config, Cmd: commandOf(setting.command, config) };
    case "ENTRYPOINT": {
      const { Cmd, ...rest } = config;
      const kept = o.ownCommand && Cmd !== undefined ? { ...rest, Cmd } : rest;
      return { ...kept, Entrypoint: commandOf(setting.command, config) };
    }
    case "ENV":
      return { ...config, Env: o.env };
    case "EXPOSE":
      return { ...config, ExposedPorts: { ...config.ExposedPorts, ...emptyKeys(setting.ports.flatMap(portKeys)) } };
    case "HEALTHCHECK":
      return { ...config, Healthcheck: healthcheckOf(setting) };
    case "LABEL": {
      const labels = Object.fromEntries(setting.pairs.map(({ key, value }) => [key, value]));
      return { ...config, Labels: { ...config.Labels, ...labels } };
    }
    case "ONBUILD":
      return { ...config, OnBuild: [...(config.OnBuild ?? []), setting.expression] };
    case "SHELL":
      return { ...config, Shell: setting.shell };
    case "STOPSIGNAL":
      return { ...config, StopSignal: signalName(setting.signal) };
    case "USER":
      return { ...config, User: setting.user };
    case "VOLUME":
      return { ...config, Volumes: { ...config.Volumes, ...emptyKeys(setting.paths) } };
    case "WORKDIR":
      return { ...config, WorkingDir: absolutePath(config.WorkingDir ?? "/", setting.path) };
  }
}

function commandOf(command: CommandLine, config: ContainerDefaults): readonly string[] {
  return command.form === "exec" ? command.args : [...(config.Shell ?? defaultShell), command.text];
}

const emptyKeys = (keys: readonly string[]): Record<string, Record<string, never>> =>
  Object.fromEntries(keys.map((key) => [key, {}]));

const mostPorts = 65_536;

/** `80` → `80/tcp`; `7000-7002/udp` → three. */
function portKeys(text: string): string[] {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp|sctp))?$/i.exec(text);
  const first = Number(match?.[1]);
  const last = Number(match?.[2] ?? match?.[1]);
  if (match === null || first < 1 || last >= mostPorts || first > last)
    throw new SettingFailure(`invalid containerPort: ${JSON.stringify(text)}; 80, 53/udp or 7000-7010 was expected`);
  const protocol = (match[3] ?? "tcp").toLowerCase();
  return Array.from({ length: last - first + 1 }, (_, index) => `${first + index}/${protocol}`);
}

function healthcheckOf(setting: Extract<Setting, { readonly name: "HEALTHCHECK" }>): Healthcheck {
  const { command, interval, timeout, startPeriod, startInterval, retries } = setting;
  if (command === "none") return { Test: ["NONE"] };
  return {
    Test: command.form === "exec" ? ["CMD", ...command.args] : ["CMD-SHELL", command.text],
    ...(interval === undefined ? {} : { Interval: interval }),
    ...(timeout === undefined ? {} : { Timeout: timeout }),
    ...(startPeriod === undefined ? {} : { StartPeriod: startPeriod }),
    ...(startInterval === undefined ? {} : { StartInterval: startInterval }),
    ...(retries === undefined ? {} : { Retries: retries }),
  };
}

// What a machine calls its signals is for the runtime to know; here only what can be none is refused.
function signalName(text: string): string {
  const number = /^\d{1,3}$/.test(text) ? Number(text) : undefined;
  if (number !== undefined ? number >= 1 && number <= 64 : /^(?:SIG)?[A-Z][A-Z0-9]{1,9}(?:[+-]\d{1,2})?$/i.test(text))
    return text;
  throw new SettingFailure(`Invalid signal: ${JSON.stringify(text)}`);
}
