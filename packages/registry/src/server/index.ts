export type { AccessOptions } from "./access.ts";
export {
  openRegistryServer,
  type RegistryServer,
  type RegistryServerOptions,
  type RequestHandler,
  type ServedAnswer,
} from "./registry-server.ts";
export type { UpstreamRegistry } from "./upstream.ts";
