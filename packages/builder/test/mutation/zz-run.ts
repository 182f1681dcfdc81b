import { dockerfileMutations } from "/work/main/packages/builder/test/mutation/dockerfile-mutations.ts";
import { exampleStories } from "/work/main/packages/builder/test/mutation/example-stories.ts";
import { surroundingsMutations } from "/work/main/packages/builder/test/mutation/surroundings-mutations.ts";
import { Trial } from "/work/main/packages/builder/test/mutation/trial.ts";

const stories: any[] = [...exampleStories];
try {
  const m = await import("/work/main/packages/builder/test/mutation/table-stories.ts");
  stories.push(...m.tableStories);
} catch (e) {
  if (!String(e).includes("Cannot find")) throw e;
}
const only = process.argv[2];
const mut = process.argv[3];
const every = Number(process.env.EVERY ?? 1);
let count = 0,
  exact = 0,
  wrong = 0,
  lying = 0,
  refused = 0,
  steps = 0,
  exactSteps = 0;
const t0 = performance.now();
const show = (t: any) =>
  `   step ${t.facts.step} ran=${t.ran} should=${t.shouldRun} causes=${JSON.stringify(t.causes)} expected=${JSON.stringify(t.expected)} lies=${JSON.stringify(t.lies)}`;
for (const story of stories) {
  if (only && only !== "all" && story.name !== only) continue;
  using trial = new Trial(story);
  try {
    const first = await trial.original();
    for (const t of first) if (t.ran !== t.shouldRun) console.log(story.name, "first", show(t));
  } catch (e: any) {
    console.log("SKIP", story.name, e.code, e.message);
    continue;
  }
  const all = [...dockerfileMutations(story), ...surroundingsMutations(story)].filter(
    (m, i) => i % every === story.name.length % every && (!mut || m.name.includes(mut)),
  );
  for (const m of all) {
    const again = await trial.original();
    for (const t of again) if (t.ran) console.log(story.name, "AGAIN before", m.name, show(t));
    let trials;
    try {
      trials = await trial.mutated(m);
    } catch (e: any) {
      refused++;
      if (process.env.REFUSED) console.log("refused", story.name, m.name, e.code, e.message);
      if (!e.code || e.code === "ERR_BUILDER_STEP") console.log(e.stack);
      continue;
    }
    count++;
    const bad = trials.filter((t) => t.ran !== t.shouldRun);
    const lies = trials.filter((t) => t.ran && t.lies.length > 0);
    const inexact = trials.filter((t) => t.ran && !t.isExact);
    steps += trials.filter((t) => t.ran).length;
    exactSteps += trials.filter((t) => t.ran && t.isExact).length;
    if (bad.length) wrong++;
    if (lies.length) lying++;
    if (!inexact.length) exact++;
    if (bad.length || lies.length || inexact.length) {
      console.log(
        `${bad.length ? "WRONG " : ""}${lies.length ? "LIE " : ""}${inexact.length ? "INEXACT" : ""} ${story.name} | ${m.name}`,
      );
      for (const t of new Set([...bad, ...lies, ...inexact])) console.log(show(t));
    }
  }
}
console.log({ count, exact, wrong, lying, refused, steps, exactSteps, seconds: (performance.now() - t0) / 1000 });
