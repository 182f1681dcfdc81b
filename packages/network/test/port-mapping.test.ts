import fc from "fast-check";
import { expect, test } from "vitest";
import { NetworkError, parsePortMapping } from "../src/index.ts";

const tcp = { hostIp: "0.0.0.0", protocol: "tcp" };
const right = [
  { text: "80", is: [{ ...tcp, hostPort: 0, containerPort: 80 }], why: "any host port" },
  { text: "8080:80", is: [{ ...tcp, hostPort: 8080, containerPort: 80 }], why: "the everyday form" },
  { text: "8080:80/udp", is: [{ ...tcp, protocol: "udp", hostPort: 8080, containerPort: 80 }], why: "a protocol" },
  {
    text: "53:53/UDP",
    is: [{ ...tcp, protocol: "udp", hostPort: 53, containerPort: 53 }],
    why: "Docker takes capitals",
  },
  {
    text: "127.0.0.1:8080:80",
    is: [{ ...tcp, hostIp: "127.0.0.1", hostPort: 8080, containerPort: 80 }],
    why: "one address",
  },
  {
    text: "127.0.0.1::80",
    is: [{ ...tcp, hostIp: "127.0.0.1", hostPort: 0, containerPort: 80 }],
    why: "one address, any port",
  },
  { text: ":80", is: [{ ...tcp, hostPort: 0, containerPort: 80 }], why: "an empty host port is any" },
  { text: "::80", is: [{ ...tcp, hostPort: 0, containerPort: 80 }], why: "an empty address is every" },
  {
    text: "8080-8081:80-81",
    is: [
      { ...tcp, hostPort: 8080, containerPort: 80 },
      { ...tcp, hostPort: 8081, containerPort: 81 },
    ],
    why: "ranges in pairs",
  },
  {
    text: "8080-8090:80",
    is: [{ ...tcp, hostPort: 8080, hostPortEnd: 8090, containerPort: 80 }],
    why: "one of a range",
  },
  {
    text: "80-81",
    is: [
      { ...tcp, hostPort: 0, containerPort: 80 },
      { ...tcp, hostPort: 0, containerPort: 81 },
    ],
    why: "a range, any host ports",
  },
] as const;
for (const { text, is, why } of right)
  test(`${text}: ${why}`, () => {
    expect(parsePortMapping(text)).toEqual(is);
  });

const wrong = [
  { text: "", says: /container port is a number/, why: "nothing" },
  { text: "0", says: /from 1 to 65535/, why: "port 0 of a container is none" },
  { text: "0:80", says: /from 1 to 65535/, why: "leave the host port out instead" },
  { text: "65536:80", says: /from 1 to 65535/, why: "17 bits" },
  { text: "8080:", says: /container port is a number/, why: "no container port" },
  { text: "8080:80/sctp", says: /tcp.*udp/, why: "a protocol that is not done" },
  { text: "8080:80/", says: /tcp.*udp/, why: "an empty protocol" },
  { text: "[::1]:8080:80", says: /IPv6/, why: "the network has IPv4 only" },
  { text: "localhost:8080:80", says: /not an IPv4 address/, why: "names are not looked up" },
  { text: "127.1:8080:80", says: /not an IPv4 address/, why: "inet_aton's short form" },
  { text: "8080-8082:80-81", says: /3 host ports for 2/, why: "ranges of different size" },
  { text: "8080:80-81", says: /1 host ports for 2/, why: "one host port for two" },
  { text: "8082-8080:80", says: /ends before/, why: "backwards" },
  { text: "1-60000:1-60000", says: /more than 4096/, why: "a whole host at once" },
  { text: "+80:80", says: /host port is a number/, why: "a sign" },
  { text: "8080:80\n", says: /container port is a number/, why: "a line break" },
  { text: "1".repeat(100), says: /longer than 64/, why: "too long to mean anything" },
];
for (const { text, says, why } of wrong)
  test(`${JSON.stringify(text.slice(0, 30))} is refused: ${why}`, () => {
    expect(() => parsePortMapping(text)).toThrow(says);
  });

test("never throws anything but NetworkError", () => {
  const piece = fc.constantFrom("80", "-", ":", "/", "udp", "127.0.0.1", "[", "]", "99999", " ", "0");
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(piece, { maxLength: 12 }).map((all) => all.join("")),
      ),
      (text) => {
        try {
          for (const one of parsePortMapping(text)) expect(one.containerPort).toBeGreaterThan(0);
        } catch (error) {
          expect(error).toBeInstanceOf(NetworkError);
        }
      },
    ),
  );
});
