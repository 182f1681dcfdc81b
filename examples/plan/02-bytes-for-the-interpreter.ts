import { encode, PlanError } from "@ctr/plan";

const because = { option: "--hostname", why: "its name" };
console.log(encode([{ do: "setHostname", name: "web", because }]).length, "bytes");
try {
  encode([{ do: "setHostname", name: "web\0.example.org", because }]);
} catch (error) {
  if (error instanceof PlanError) console.log(error.code, error.message);
}
// prints: 56 bytes
// prints: ERR_PLAN_VALUE step 1, name: "web\u0000.example.org" holds a NUL byte, where the kernel would cut it
