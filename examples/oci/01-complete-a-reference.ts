import { familiarReference, formatReference, parseReference } from "@ctr/oci";

const reference = parseReference("busybox:1.36");
console.log(formatReference(reference));
console.log(familiarReference(reference));
// prints: docker.io/library/busybox:1.36
// prints: busybox:1.36
