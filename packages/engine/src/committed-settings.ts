import type { ContainerDefaults } from "@ctr/oci";
import type { ContainerRecord } from "./container-record.ts";

/** What an image made of a container starts with: the settings of the container's image, and those given to the container. */
export function committedSettings(
  record: Pick<ContainerRecord, "options">,
  image: ContainerDefaults = {},
): ContainerDefaults {
  const { options } = record;
  const entrypoint = options.entrypoint ?? image.Entrypoint;
  // An entrypoint of the container's own makes the image's command meaningless.
  const inherited = options.entrypoint === undefined ? image.Cmd : undefined;
  const command = options.command?.length ? options.command : inherited;
  const { Entrypoint: _entrypoint, Cmd: _cmd, ...rest } = image;
  const ports = Object.fromEntries((options.ports ?? []).map((port) => [`${port.containerPort}/${port.protocol}`, {}]));
  return {
    ...rest,
    ...(options.user === undefined ? {} : { User: options.user }),
    ...(options.ports?.length ? { ExposedPorts: { ...image.ExposedPorts, ...ports } } : {}),
    ...(options.env?.length ? { Env: mergedEnv(image.Env ?? [], options.env) } : {}),
    ...(entrypoint?.length ? { Entrypoint: entrypoint } : {}),
    ...(command === undefined ? {} : { Cmd: command }),
    ...(options.workdir === undefined ? {} : { WorkingDir: options.workdir }),
    ...(options.labels === undefined ? {} : { Labels: { ...image.Labels, ...options.labels } }),
    ...(options.stopSignal === undefined ? {} : { StopSignal: options.stopSignal }),
    ...(options.stopTimeout === undefined ? {} : { StopTimeout: options.stopTimeout }),
  };
}

/** Later values of a name replace earlier ones, in their place. */
function mergedEnv(image: readonly string[], own: readonly string[]): string[] {
  const values = new Map<string, string>();
  for (const text of [...image, ...own]) if (text.indexOf("=") > 0) values.set(text.slice(0, text.indexOf("=")), text);
  return [...values.values()];
}
