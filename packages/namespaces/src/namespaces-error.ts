/** Namespaces that do not go together, or id maps that say nothing. Match on `code`. */
export class NamespacesError extends Error {
  override readonly name = "NamespacesError";
  readonly code: "ERR_NAMESPACES_DUPLICATE" | "ERR_NAMESPACES_MAP" | "ERR_NAMESPACES_TIME";
  constructor(code: NamespacesError["code"], message: string) {
    super(message);
    this.code = code;
  }
}
