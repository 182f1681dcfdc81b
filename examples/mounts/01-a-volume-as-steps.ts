import { mountSteps, parseVolume, volumeMount } from "@ctr/mounts";
import { explain } from "@ctr/plan";

const volume = parseVolume("./src:/app:ro");
const mount = volumeMount(volume, "/home/me/src"); // whoever calls has found out where ./src is
const steps = mountSteps({ mount, because: { option: "-v ./src:/app:ro", why: "sources of the host" } });

console.log(explain(steps));
// prints: 1  bind /home/me/src at ‹rootfs›/app (recursive, readOnly)  -v ./src:/app:ro: sources of the host
// prints: 2  make ‹rootfs›/app private, and all below                 -v ./src:/app:ro: sources of the host
