import { greet } from "./greet.ts";

console.log(greet(process.argv[2] ?? "world"));
