import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hosts, NetworkError, resolvConf } from "../src/index.ts";

describe("resolv.conf", () => {
  const hostText = "# made by hand\nnameserver 127.0.0.53\nnameserver 192.0.2.53\nsearch a.example\noptions edns0\n";
  const rows = [
    {
      o: { hostText },
      is: "nameserver 192.0.2.53\nsearch a.example\noptions edns0\n",
      why: "the host's, without its loopback",
    },
    { o: { hostText: "" }, is: "nameserver 8.8.8.8\nnameserver 8.8.4.4\n", why: "none left" },
    {
      o: { hostText: "nameserver ::1\n" },
      is: "nameserver 8.8.8.8\nnameserver 8.8.4.4\n",
      why: "IPv6 has a loopback, too",
    },
    {
      o: { hostText: "nameserver fe80::1%eth0\nnameserver 2001:db8::1" },
      is: "nameserver 2001:db8::1\n",
      why: "a server on the host's link",
    },
    {
      o: { hostText, dns: ["127.0.0.1"] },
      is: "nameserver 127.0.0.1\nsearch a.example\noptions edns0\n",
      why: "asked for is asked for",
    },
    {
      o: { hostText, search: ["b.example", "c"] },
      is: "nameserver 192.0.2.53\nsearch b.example c\noptions edns0\n",
      why: "other domains",
    },
    { o: { hostText, search: ["."] }, is: "nameserver 192.0.2.53\noptions edns0\n", why: "no domains" },
    {
      o: { hostText, options: ["ndots:2"] },
      is: "nameserver 192.0.2.53\nsearch a.example\noptions ndots:2\n",
      why: "other options",
    },
    {
      o: { hostText: "search a\nsearch b\nnameserver 192.0.2.1 # x" },
      is: "nameserver 192.0.2.1\nsearch b\n",
      why: "the last search line counts",
    },
    {
      o: { hostText: "nameserver\u0000 1\nnameserver 1.2.3\nrubbish" },
      is: "nameserver 8.8.8.8\nnameserver 8.8.4.4\n",
      why: "rubbish in the host's file",
    },
  ];
  for (const { o, is, why } of rows) test(why, () => expect(resolvConf(o)).toBe(is));

  const wrong = [
    { o: { dns: ["192.0.2.1\nnameserver 198.51.100.66"] }, why: "A29: a line break in a server" },
    { o: { search: ["a\noptions debug"] }, why: "A29: a line break in a domain" },
    { o: { options: ["ndots:1\nnameserver 198.51.100.66"] }, why: "A29: a line break in an option" },
    { o: { options: ["a b"] }, why: "two words" },
    { o: { dns: ["dns.example"] }, why: "a name" },
  ];
  for (const { o, why } of wrong)
    test(why, () => expect(() => resolvConf({ hostText: "", ...o })).toThrow(NetworkError));
});

describe("hosts", () => {
  const own = (text: string) => text.split("\n").slice(6);
  const rows = [
    { o: { hostname: "web", ip: "10.88.0.2" }, is: ["10.88.0.2\tweb", ""], why: "its own name" },
    { o: { hostname: "web" }, is: [""], why: "no network, no address" },
    {
      o: { hostname: "w", extra: ["db:10.0.0.1", "six=2001:DB8::1"] },
      is: ["10.0.0.1\tdb", "2001:db8::1\tsix", ""],
      why: "both separators",
    },
    { o: { hostname: "w", extra: ["six:[::2]"] }, is: ["::2\tsix", ""], why: "IPv6 in brackets" },
    {
      o: { hostname: "w", gateway: "10.88.0.1", extra: ["host.internal:host-gateway"] },
      is: ["10.88.0.1\thost.internal", ""],
      why: "the host by name",
    },
  ];
  for (const { o, is, why } of rows) test(why, () => expect(own(hosts(o))).toEqual(is));
  test("localhost comes first", () =>
    expect(hosts({ hostname: "a" })).toMatch(/^127\.0\.0\.1\tlocalhost\n::1\tlocalhost/));

  const wrong = [
    { o: { hostname: "a\n198.51.100.66 bank.example" }, why: "A29: a line break in the hostname" },
    { o: { hostname: "a b" }, why: "two names" },
    { o: { hostname: "a", extra: ["b:10.0.0.1\n10.0.0.2 c"] }, why: "A29: a line break in an address" },
    { o: { hostname: "a", extra: ["b\tc:10.0.0.1"] }, why: "A29: a tab in a name" },
    { o: { hostname: "a", extra: ["b"] }, why: "no address" },
    { o: { hostname: "a", extra: ["b:host-gateway"] }, why: "no gateway" },
    { o: { hostname: "a", ip: "10.0.0.256" }, why: "no address either" },
  ];
  for (const { o, why } of wrong) test(why, () => expect(() => hosts(o)).toThrow(NetworkError));
});

test("whatever goes in, a file has the lines that it should, or NetworkError comes out", () => {
  const nasty = fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom("a", "1.2.3.4", "a:1.2.3.4", "ndots:1"));
  fc.assert(
    fc.property(nasty, nasty, nasty, (a, b, c) => {
      try {
        expect(hosts({ hostname: a, ip: "10.0.0.1", extra: [b] }).split("\n")).toHaveLength(9);
      } catch (error) {
        expect(error).toBeInstanceOf(NetworkError);
      }
      try {
        const text = resolvConf({ hostText: "", dns: [a], search: [b], options: [c] });
        expect(text.split("\n").length).toBeLessThanOrEqual(4);
      } catch (error) {
        expect(error).toBeInstanceOf(NetworkError);
      }
    }),
  );
});
