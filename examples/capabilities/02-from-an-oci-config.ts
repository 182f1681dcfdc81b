import { capabilitySteps } from "@ctr/capabilities";

const { beforeUser, afterUser, ignored } = capabilitySteps({
  capabilities: { bounding: ["CAP_KILL"], permitted: ["CAP_KILL"], effective: ["CAP_KILL"], ambient: ["CAP_KILL"] },
  because: { option: "process.capabilities", why: "only what the program needs" },
});

console.log([...beforeUser, ...afterUser].map((step) => step.do).join(", "));
console.log(ignored.join("\n"));
// prints: limitCapabilities, setCapabilities
// prints: ambient CAP_KILL: it is not both permitted and inheritable
