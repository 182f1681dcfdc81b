import { damagedForms } from "./damaged-forms.ts";
import { archivesOf, type HostileArchive } from "./hostile-archive.ts";
import { linkForms } from "./link-forms.ts";
import { nameForms } from "./name-forms.ts";
import { overlayForms } from "./overlay-forms.ts";

/**
 * Some hundred archives, each as one layer and as two, that try to reach `canary`, to fill the memory or
 * the disk, or to say what only the engine may say. Made when they are asked for: keep none of them.
 *
 * @param canary  Absolute path of a directory that nothing may change, with a file `f` in it: see `Canary`.
 */
export function* hostileArchives(canary: string): Generator<HostileArchive, void> {
  for (const attempts of [nameForms(canary), linkForms(canary), overlayForms(), damagedForms()])
    for (const attempt of attempts) yield* archivesOf(attempt);
}
