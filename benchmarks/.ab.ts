// node .ab.ts ROUNDS name|command …: wall and CPU
import { startStopwatch } from "./stopwatch.ts";
await using w = startStopwatch("/tmp/stopwatch");
await using c = startStopwatch("/tmp/cpuwatch");
const rounds = Number(process.argv[2]);
const specs = process.argv.slice(3).map((s) => { const [name, ...cmd] = s.split("|"); return { name: name!, cmd: cmd[0]!.split(" "), wall: [] as number[], cpu: [] as number[] }; });
for (let i = -2; i < rounds; i++) for (const s of specs.toSorted(() => Math.random() - 0.5)) {
  const a = await w.time(s.cmd), b = await c.time(s.cmd);
  if (i >= 0) { s.wall.push(a); s.cpu.push(b); }
}
const q = (v: number[], p: number) => v.toSorted((a, b) => a - b)[Math.floor(v.length * p)]!.toFixed(1).padStart(6);
console.log("wall med/min, cpu med/min");
for (const s of specs) console.log(q(s.wall, 0.5), q(s.wall, 0), q(s.cpu, 0.5), q(s.cpu, 0), s.name);
