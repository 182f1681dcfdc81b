import { hosts, resolvConf } from "@ctr/network";

const hostText = "nameserver 127.0.0.53\nnameserver 192.0.2.53\nsearch example.org\n";
console.log(resolvConf({ hostText, options: ["ndots:1"] }).trimEnd());

const file = hosts({ hostname: "web", ip: "10.88.0.2", gateway: "10.88.0.1", extra: ["host.internal:host-gateway"] });
console.log(file.trimEnd().split("\n").slice(-2).join("\n").replaceAll("\t", " "));
// prints: nameserver 192.0.2.53
// prints: search example.org
// prints: options ndots:1
// prints: 10.88.0.1 host.internal
// prints: 10.88.0.2 web
