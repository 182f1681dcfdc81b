import { hostImage } from "@ctr/host-image";

// The shell of this machine, its loader and its C library, as an image.
const { layers, config } = await hostImage({ programs: ["sh"], defaults: { Cmd: ["sh"] } });

console.log(layers.map(({ name }) => name).join(", "));
console.log(config.config?.Cmd, config.rootfs.diff_ids.length === layers.length);
// prints: libraries, programs
// prints: [ 'sh' ] true
