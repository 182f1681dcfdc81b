import type { RunFields } from "@ctr/dockerfile";
import { BuilderError, type Place } from "./builder-error.ts";

/** What a Dockerfile can ask for that whoever builds it must have allowed. @see docker-buildx-build(1), --allow */
export type Entitlement = "network.host" | "security.insecure";

/** @throws {BuilderError} `ERR_BUILDER_NOT_ALLOWED` */
export function refuseForbidden(
  run: Pick<RunFields<unknown>, "network" | "security">,
  allowed: readonly Entitlement[],
  place: Place,
): void {
  const needed: readonly Entitlement[] = [
    ...(run.network === "host" ? ["network.host" as const] : []),
    ...(run.security === "insecure" ? ["security.insecure" as const] : []),
  ];
  const missing = needed.find((one) => !allowed.includes(one));
  if (missing === undefined) return;
  const message = `${missing} is not allowed; --allow ${missing} would let every RUN of this file have it`;
  throw new BuilderError({ code: "ERR_BUILDER_NOT_ALLOWED", message, place });
}
