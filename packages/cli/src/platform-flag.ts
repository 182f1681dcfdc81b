import { thisPlatform } from "@ctr/engine";
import { type Platform, parsePlatform } from "@ctr/oci";

/** Which platform, in the words of `--platform`. @throws {OciError} `ERR_OCI_PLATFORM` */
export const readPlatform = (text: string): Platform => parsePlatform(text, thisPlatform());
