import { randomInt } from "node:crypto";
import { EngineError } from "./engine-error.ts";

const qualities = [
  ..."able amber ample brave brisk bright calm candid clear clever cosy crisp deft eager early fair fleet fond frank fresh".split(
    " ",
  ),
  ..."gentle glad grand handy happy hardy jolly keen kind lively loyal lucid mellow merry mild neat nimble noble patient".split(
    " ",
  ),
  ..."plain proud quick quiet rapid ready sharp silent snug solid spry steady sunny swift tidy vivid warm wise witty".split(
    " ",
  ),
];
const boats = [
  ..."ark barge bark brig canoe caravel catboat clipper coaster cog coracle corvette cutter dhow dinghy dory ferry".split(
    " ",
  ),
  ..."frigate galleon galley gig hoy hulk jolly junk kayak ketch keelboat launch lighter lugger packet pinnace pontoon".split(
    " ",
  ),
  ..."proa punt raft sampan schooner scow sharpie shallop skiff sloop smack steamer tender trawler tug wherry yawl xebec".split(
    " ",
  ),
];

/** `swift_ketch`: a name for a container that was given none. */
export function randomName(): string {
  return `${qualities[randomInt(qualities.length)]}_${boats[randomInt(boats.length)]}`;
}

/** @throws {EngineError} `ERR_ENGINE_NAME`, in Docker's words */
export function checkName(name: string): void {
  if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$/.test(name)) return;
  throw new EngineError(
    "ERR_ENGINE_NAME",
    `Invalid container name (${JSON.stringify(name).slice(1, -1)}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`,
  );
}
