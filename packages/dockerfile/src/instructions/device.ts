import { Complaint } from "../complaint.ts";
import { csvFields } from "../csv.ts";
import { parseBoolean } from "../quantities.ts";
import type { Word } from "../tree.ts";

/** A device that `RUN --device=vendor.com/class=name` asks for, by its CDI name. */
export interface Device {
  readonly device: string;
  readonly required: boolean;
}

/**
 * @throws {Complaint}
 * @see https://github.com/cncf-tags/container-device-interface, SPEC.md
 */
export function readDevice(word: Word): Device {
  let device: string | undefined;
  let required: boolean | undefined = false;
  for (const field of csvFields(word.text) ?? []) {
    const equals = field.indexOf("=");
    const key = (equals === -1 ? field : field.slice(0, equals)).toLowerCase();
    const value = equals === -1 ? undefined : field.slice(equals + 1);
    if (key === "required") required = value === undefined ? true : parseBoolean(value);
    else if (key === "name" && value !== undefined && device === undefined) device = value;
    else if (device === undefined)
      device = field; // a CDI name has a "=" of its own
    else required = undefined;
    if (required === undefined) break;
  }
  if (device === undefined || required === undefined) {
    const message = `--device is a device name, then required or not, not ${JSON.stringify(word.text)}`;
    throw new Complaint({ code: "ERR_DOCKERFILE_FLAG_VALUE", message, range: word.range });
  }
  return { device, required };
}
