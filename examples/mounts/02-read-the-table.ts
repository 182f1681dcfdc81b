import { parseMountInfo } from "@ctr/mounts";

const line = "36 35 98:0 / /mnt/my\\040disk rw,noatime shared:1 - ext4 /dev/sdb1 rw,errors=continue";
for (const { target, type, options, tags } of parseMountInfo(line))
  console.log(target, type, options.join(), tags.join());
// prints: /mnt/my disk ext4 rw,noatime shared:1
