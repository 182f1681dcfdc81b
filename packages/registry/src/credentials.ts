/** What proves who we are to one registry. */
export type Credentials =
  | { readonly username: string; readonly password: string }
  /** A refresh token that the registry's token service exchanges, as `docker login` may have got one. */
  | { readonly identityToken: string }
  /** A ready bearer token. */
  | { readonly registryToken: string };

/** Looks up what to show to a host, each time under the name that the user knows it by. */
export type CredentialLookup = (host: string) => Promise<Credentials | undefined>;

/** The value of a Basic `Authorization` header. @see RFC 7617 */
export function basicAuthorization(o: { readonly username: string; readonly password: string }): string {
  return `Basic ${Buffer.from(`${o.username}:${o.password}`).toString("base64")}`;
}
