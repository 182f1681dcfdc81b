import { Attachment } from "@ctr/kernel";
import { containerDirectory } from "./container-files.ts";
import type { ContainerRecord } from "./container-record.ts";
import type { Context } from "./context.ts";

/** Resolves when the container has ended and its monitor has told how. */
export async function monitorsWord(context: Context, record: ContainerRecord): Promise<void> {
  let attachment: Attachment;
  try {
    attachment = new Attachment(containerDirectory(context.root, record.id));
  } catch {
    return; // the monitor is gone, and so is the container
  }
  await attachment.ended().finally(() => attachment.close());
}
