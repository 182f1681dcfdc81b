import { Failure } from "./failure.ts";

/** The fields of `type=local,dest=out`: Docker reads such flags as one line of CSV. */
export function csvPairs(text: string, flag: string): readonly (readonly [key: string, value: string])[] {
  return csvFields(text, flag).map((field) => {
    const equals = field.indexOf("=");
    return equals < 0 ? [field.toLowerCase(), ""] : [field.slice(0, equals).toLowerCase(), field.slice(equals + 1)];
  });
}

/** Fields may stand in quotes, where two quotes are one. @see RFC 4180 */
export function csvFields(text: string, flag: string): readonly string[] {
  const fields: string[] = [];
  for (let at = 0; at <= text.length; ) {
    if (text[at] !== '"') {
      const end = text.indexOf(",", at) < 0 ? text.length : text.indexOf(",", at);
      fields.push(text.slice(at, end));
      at = end + 1;
      continue;
    }
    let field = "";
    for (at++; ; at++) {
      const quote = text.indexOf('"', at);
      if (quote < 0)
        throw new Failure(`invalid argument ${JSON.stringify(text)} for ${flag}: a quote is not closed`, 1);
      field += text.slice(at, quote);
      at = quote + 1;
      if (text[at] !== '"') break;
      field += '"';
    }
    if (at < text.length && text[at] !== ",")
      throw new Failure(`invalid argument ${JSON.stringify(text)} for ${flag}: something stands behind a quote`, 1);
    fields.push(field);
    at++;
  }
  return fields;
}
