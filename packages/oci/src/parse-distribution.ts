import type { RegistryErrorEntry, RegistryErrors, TagList } from "./distribution-spec.ts";
import { documentOf } from "./parse-image.ts";
import { array, arrayOrNull, object, optional, required, text } from "./schema.ts";

/** Bytes of a registry's JSON answer. */
const maxAnswerBytes = 4 * 1024 * 1024;

const tagList = object<TagList>({ name: required(text), tags: required(arrayOrNull(text)) });

const errors = object<RegistryErrors>({
  errors: required(array(object<RegistryErrorEntry>({ code: required(text), message: optional(text) }), 100)),
});

/** Read a page of tags. @throws {OciError} @see distribution-spec spec.md#listing-tags */
export function parseTagList(input: unknown): TagList {
  return tagList(documentOf(input, maxAnswerBytes), undefined);
}

/** Read a registry's refusal. @throws {OciError} when the body is something else, often HTML. @see distribution-spec spec.md#error-codes */
export function parseRegistryErrors(input: unknown): RegistryErrors {
  return errors(documentOf(input, maxAnswerBytes), undefined);
}
