/** What a request's path asks for. @see distribution-spec spec.md#endpoints */
export type Route =
  | { readonly kind: "root" }
  | { readonly kind: "token" }
  | { readonly kind: "manifest" | "blob" | "upload" | "referrers"; readonly repository: string; readonly last: string }
  | { readonly kind: "uploads" | "tags"; readonly repository: string };

const kinds = { manifests: "manifest", blobs: "blob", referrers: "referrers" } as const;

/** Undefined for a path that means nothing. The parts are not checked yet. */
export function readRoute(pathname: string): Route | undefined {
  if (pathname === "/v2" || pathname === "/v2/") return { kind: "root" };
  if (pathname === "/token") return { kind: "token" };
  const parts = decode(pathname)?.split("/") ?? [];
  if (parts.length < 5 || parts[0] !== "" || parts[1] !== "v2") return undefined;
  const [beforeLast = "", kind = "", last = ""] = parts.slice(-3);
  const upTo = (count: number): string => parts.slice(2, -count).join("/");
  if (kind === "uploads" && beforeLast === "blobs" && parts.length > 5)
    return last === "" ? { kind: "uploads", repository: upTo(3) } : { kind: "upload", repository: upTo(3), last };
  if (kind === "blobs" && last === "uploads") return { kind: "uploads", repository: upTo(2) };
  if (kind === "tags" && last === "list") return { kind: "tags", repository: upTo(2) };
  return kind === "manifests" || kind === "blobs" || kind === "referrers"
    ? { kind: kinds[kind], repository: upTo(2), last }
    : undefined;
}

function decode(pathname: string): string | undefined {
  try {
    return decodeURIComponent(pathname);
  } catch {
    return undefined;
  }
}
