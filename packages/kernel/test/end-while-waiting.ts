// Waits for a process that does not end, and for an attachment, gives both up, and has nothing left to stay for.
import { HeldProcess, startTimeOf } from "../src/index.ts";

const held = HeldProcess.open(process.ppid, startTimeOf(process.ppid)!)!;
void held.ended().then(() => console.log("waited no longer"));
await new Promise(setImmediate);
held[Symbol.dispose]();
