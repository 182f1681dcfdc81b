import { isOciError, parseRuntimeConfig } from "@ctr/oci";

try {
  parseRuntimeConfig('{ "ociVersion": "1.3.0", "linux": { "resources": { "memory": { "limit": "64m" } } } }');
} catch (error) {
  if (isOciError(error)) console.log(error.code, error.path);
}
// prints: ERR_OCI_INVALID linux.resources.memory.limit
