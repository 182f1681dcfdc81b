/** The answer to `GET /v2/<name>/tags/list`. @see distribution-spec spec.md#listing-tags */
export interface TagList {
  readonly name: string;
  readonly tags: readonly string[];
}

/** The body of a refused request. @see distribution-spec spec.md#error-codes */
export interface RegistryErrors {
  readonly errors: readonly RegistryErrorEntry[];
}

export interface RegistryErrorEntry {
  /** `MANIFEST_UNKNOWN`, `UNAUTHORIZED` …, in practice also words no specification has. */
  readonly code: string;
  readonly message?: string;
}
