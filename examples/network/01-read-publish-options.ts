import { parsePortMapping } from "@ctr/network";

for (const option of ["127.0.0.1:8080:80", "8000-8009:80/udp", "80"])
  for (const { hostIp, hostPort, hostPortEnd, containerPort, protocol } of parsePortMapping(option))
    console.log(
      `${hostIp} port ${hostPort || "any"}${hostPortEnd ? ` to ${hostPortEnd}` : ""} → ${containerPort} ${protocol}`,
    );
// prints: 127.0.0.1 port 8080 → 80 tcp
// prints: 0.0.0.0 port 8000 to 8009 → 80 udp
// prints: 0.0.0.0 port any → 80 tcp
