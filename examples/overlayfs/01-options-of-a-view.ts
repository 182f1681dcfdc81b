import { overlayOptions } from "@ctr/overlayfs";

const view = { lowers: ["/layers/app", "/layers/base"], upper: "/box/upper", work: "/box/work" };

console.log(overlayOptions({ ...view, oneByOne: true }).join("\n"));
console.log(overlayOptions({ ...view, oneByOne: false })[0], "before Linux 6.8");
// prints: lowerdir+=/layers/app
// prints: lowerdir+=/layers/base
// prints: upperdir=/box/upper
// prints: workdir=/box/work
// prints: redirect_dir=off
// prints: metacopy=off
// prints: lowerdir=/layers/app:/layers/base before Linux 6.8
