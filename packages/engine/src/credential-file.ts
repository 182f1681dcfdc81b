import { homedir } from "node:os";

/** Docker's config.json, where `login` keeps what a registry is shown. */
export function credentialFile(): string {
  return `${process.env.DOCKER_CONFIG ?? `${homedir()}/.docker`}/config.json`;
}
