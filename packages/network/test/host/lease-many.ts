import { DatabaseSync } from "node:sqlite";
import { openNetwork } from "../../src/index.ts";

// A program of life.root.test.ts: leases of one process, perhaps among several that share a state directory.
// Without a namespace, the one that it runs in is the host.
const [path, root, hostNamespace, who, count] = process.argv.slice(2) as [string, string, string, string, string];
const network = openNetwork({ database: new DatabaseSync(path), root, ...(hostNamespace && { hostNamespace }) });
for (let i = 0; i < Number(count); i++) {
  const lease = network.lease({
    containerId: `${who}-${i}`,
    hostname: "h",
    ports: [{ hostIp: "0.0.0.0", hostPort: 20_000, hostPortEnd: 20_999, containerPort: 80, protocol: "tcp" }],
  });
  console.log(`${lease.address} ${lease.ports[0]!.hostPort}`);
}
