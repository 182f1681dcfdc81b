const maxHeader = 8192;
// Each attempt starts at a "<" and ends at the next one, so the search is linear.
const nextLink = /<([^<>\s]{1,4096})>\s{0,8};\s{0,8}rel="?next"?(?=\s*(?:[;,]|$))/i;

/**
 * The target of `Link: <…>; rel="next"`, resolved. Undefined when there is none, and when it points to
 * another origin: a page of tags is no reason to talk to somebody else.
 *
 * @see RFC 8288; distribution-spec spec.md#listing-tags
 */
export function nextPage(header: string | undefined, from: URL): URL | undefined {
  const target = header === undefined || header.length > maxHeader ? undefined : nextLink.exec(header)?.[1];
  if (target === undefined || !URL.canParse(target, from.href)) return undefined;
  const url = new URL(target, from);
  return url.origin === from.origin && url.username === "" && url.password === "" ? url : undefined;
}
