import { adjustCapabilities, defaultCapabilities, describe } from "@ctr/capabilities";

const granted = adjustCapabilities({ base: defaultCapabilities, add: ["net_admin"], drop: ["CAP_MKNOD"] });

console.log(describe(granted));
console.log(`CapEff: ${granted.toString(16).padStart(16, "0")}`);
// prints: the default set plus NET_ADMIN without MKNOD
// prints: CapEff: 00000000a00435fb
