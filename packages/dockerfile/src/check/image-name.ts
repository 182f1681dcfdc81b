// [domain[:port]/]path[:tag][@digest] as distribution/reference reads it, with "docker.io/library/" put in front
// of what has no domain. No two quantifiers can share a stretch of text, so matching takes linear time.
const path = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*";
const label = "[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?";
const host = `(?:${label}(?:\\.${label})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?`;
const digest = "[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}";
const reference = new RegExp(`^(${host}/)?(${path}(?:/${path})*)(?::\\w[\\w.-]{0,127})?(?:@(${digest}))?$`);

/** Whether a text can be the name of an image. */
export function isImageName(text: string): boolean {
  if (text.length > 4096 || /^[a-f0-9]{64}$/.test(text)) return false; // the latter is an image's id
  const slash = text.indexOf("/");
  const first = text.slice(0, Math.max(slash, 0));
  const hasDomain = /[.:]/.test(first) || first === "localhost" || first !== first.toLowerCase();
  const match = reference.exec(hasDomain ? text : `docker.io/${slash === -1 ? "library/" : ""}${text}`);
  if (match === null || match[1]!.length + match[2]!.length > 255) return false;
  return match[3] === undefined || !match[3].startsWith("sha256:") || /^sha256:[0-9a-f]{64}$/.test(match[3]);
}
