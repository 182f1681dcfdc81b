import { encode } from "@ctr/plan";
import fc from "fast-check";
import { expect, test } from "vitest";
import { ArchiveReader } from "../src/archive-reader.ts";
import { LayerError, LayerSteps } from "../src/index.ts";
import { hostileArchives } from "../src/testing/index.ts";

// Small ones: what is large is large in one field only.
const archives = [...hostileArchives("/canary")].flatMap(({ layers }) => layers).filter((it) => it.length < 20_000);

/** Everything that unpacking does, but for the writing. */
function plan(archive: Uint8Array, chunk: number): void {
  const reader = new ArchiveReader({ headers: 1000, headerBytes: 1 << 16, bytes: 1 << 24 });
  const steps = new LayerSteps();
  for (let at = 0; at < archive.length; at += chunk)
    for (const event of reader.push(archive.subarray(at, at + chunk)))
      if (event.type === "entry") encode(steps.entry(event.entry));
      else encode(event.type === "data" ? steps.data(event.offset, event.bytes) : steps.done());
  reader.end();
  encode([...steps.finish()]);
}

test("hostile archives with any bytes changed are planned, or refused with a LayerError: nothing else is thrown", () => {
  const change = fc.record({ at: fc.nat(), byte: fc.nat({ max: 255 }), repairs: fc.boolean() });
  fc.assert(
    fc.property(
      fc.constantFrom(...archives),
      fc.array(change, { maxLength: 6 }),
      fc.integer({ min: 1, max: 4096 }),
      (archive, changes, chunk) => {
        const changed = archive.slice();
        for (const { at, byte, repairs } of changes) {
          if (changed.length === 0) break;
          changed[at % changed.length] = byte;
          if (repairs) repairChecksum(changed, at % changed.length);
        }
        try {
          plan(changed, chunk);
        } catch (error) {
          if (!(error instanceof LayerError)) throw error;
          expect(error.message.length).toBeLessThan(1000);
        }
      },
    ),
    { numRuns: 4000 },
  );
});

// Without it, every change of a header ends at its checksum.
function repairChecksum(archive: Uint8Array, at: number): void {
  const block = archive.subarray(at - (at % 512), at - (at % 512) + 512);
  if (block.length < 512) return;
  block.fill(0x20, 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.set(new TextEncoder().encode(`${sum.toString(8).padStart(6, "0")}\0 `), 148);
}
