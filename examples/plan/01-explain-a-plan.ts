import { explain, type Step } from "@ctr/plan";

const steps: Step[] = [
  {
    do: "write",
    path: "/sys/fs/cgroup/demo/memory.max",
    text: "67108864",
    because: { option: "--memory 64m", why: "more than this and the kernel ends it" },
  },
  {
    do: "exec",
    argv: ["sh", "-c", "echo hi"],
    env: [],
    because: { option: "process.args", why: "the container's program" },
  },
];
console.log(explain(steps));
// prints: 1  write "67108864" to /sys/fs/cgroup/demo/memory.max  --memory 64m: more than this and the kernel ends it
// prints: 2  exec sh -c "echo hi"                                process.args: the container's program
