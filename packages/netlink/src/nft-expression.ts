import { attribute, be32, nested, text } from "./attribute.ts";
import { NetlinkError } from "./netlink-error.ts";

// A rule is a list of expressions that the kernel runs from left to right over 16 registers of four bytes:
// load something, compare it, act. A comparison that fails ends the rule.
//
//   meta iifname → r0 │ cmp r0 != "lo" │ payload network+16, 4 bytes → r0 │ bitwise │ cmp │ drop
//
// All integers of nf_tables' own attributes travel in network order; values keep the order of what they
// are compared with: packets in network order, the kernel's own words (ct state) in the machine's.
// @see <linux/netfilter/nf_tables.h>

/** Number of a four-byte register, 0 to 15. A longer value takes the following ones as well. */
export type Register = number;

const metaKeys = {
  protocol: 1,
  inputIndex: 4,
  outputIndex: 5,
  inputName: 6,
  outputName: 7,
  family: 15,
  transport: 16,
} as const;
const payloadBases = { link: 0, network: 1, transport: 2 } as const;
const comparisons = { "==": 0, "!=": 1, "<": 2, "<=": 3, ">": 4, ">=": 5 } as const;
const ctKeys = { state: 0, direction: 1, status: 2 } as const;
const fibFlags = { source: 1, destination: 2 } as const;
const fibAddressType = 3;
const natTypes = { source: 0, destination: 1 } as const;
const verdicts = { drop: 0, accept: 1, continue: -1, jump: -3, goto: -4, return: -5 } as const;
const familyInet = 2;

export type Verdict =
  | { readonly verdict: "drop" | "accept" | "continue" | "return" }
  | { readonly verdict: "jump" | "goto"; readonly chain: string };

export type Expression =
  /** Load a fact about the packet that is not in it: interface names take four registers. */
  | { readonly do: "meta"; readonly key: keyof typeof metaKeys; readonly to: Register }
  /** Load `length` bytes of the packet; the rest of the last register becomes zero. */
  | {
      readonly do: "payload";
      readonly base: keyof typeof payloadBases;
      readonly offset: number;
      readonly length: number;
      readonly to: Register;
    }
  /** Load what connection tracking knows: 32 bits in the machine's order. */
  | { readonly do: "ct"; readonly key: keyof typeof ctKeys; readonly to: Register }
  /** Load the type that the routing table gives an address (RTN_*): 32 bits in the machine's order. */
  | { readonly do: "fib"; readonly of: keyof typeof fibFlags; readonly to: Register }
  /** `to = (from & mask) ^ xor` */
  | {
      readonly do: "bitwise";
      readonly from: Register;
      readonly to: Register;
      readonly mask: Uint8Array;
      readonly xor: Uint8Array;
    }
  /** Go on only when the comparison holds. */
  | {
      readonly do: "compare";
      readonly from: Register;
      readonly is: keyof typeof comparisons;
      readonly value: Uint8Array;
    }
  | { readonly do: "load"; readonly to: Register; readonly value: Uint8Array }
  /** Go on only when the set has the key in `from`; from a map, load its data into `to`. */
  | { readonly do: "lookup"; readonly set: string; readonly from: Register; readonly to?: Register }
  | { readonly do: "counter" }
  /** Change the address, and the port when given, to those in the registers. */
  | { readonly do: "nat"; readonly change: keyof typeof natTypes; readonly address: Register; readonly port?: Register }
  /** Change the source to the address of the interface that the packet leaves through. */
  | { readonly do: "masquerade" }
  | ({ readonly do: "verdict" } & Verdict);

/** A value as nf_tables wraps it: NFTA_DATA_VALUE. */
export const dataValue = (type: number, value: Uint8Array): Uint8Array => nested(type, attribute(1, value));

/** The rule's list of expressions: NFTA_RULE_EXPRESSIONS's content. */
export function encodeExpressions(expressions: readonly Expression[]): Uint8Array[] {
  return expressions.map((expression) => {
    const [name, ...data] = encodeOne(expression);
    return nested(1, attribute(1, text(name)), nested(2, ...data));
  });
}

function encodeOne(e: Expression): [name: string, ...attributes: Uint8Array[]] {
  switch (e.do) {
    case "meta":
      return ["meta", register(1, e.to), attribute(2, be32(metaKeys[e.key]))];
    case "payload":
      return [
        "payload",
        register(1, e.to),
        attribute(2, be32(payloadBases[e.base])),
        attribute(3, be32(e.offset)),
        attribute(4, be32(e.length)),
      ];
    case "ct":
      return ["ct", register(1, e.to), attribute(2, be32(ctKeys[e.key]))];
    case "fib":
      return ["fib", register(1, e.to), attribute(2, be32(fibAddressType)), attribute(3, be32(fibFlags[e.of]))];
    case "bitwise":
      return [
        "bitwise",
        register(1, e.from),
        register(2, e.to),
        attribute(3, be32(e.mask.length)),
        dataValue(4, e.mask),
        dataValue(5, e.xor),
      ];
    case "compare":
      return ["cmp", register(1, e.from), attribute(2, be32(comparisons[e.is])), dataValue(3, e.value)];
    case "load":
      return ["immediate", register(1, e.to), dataValue(2, e.value)];
    case "lookup":
      return [
        "lookup",
        attribute(1, text(e.set)),
        register(2, e.from),
        ...(e.to === undefined ? [] : [register(3, e.to)]),
      ];
    case "counter":
      return ["counter"];
    case "nat":
      return [
        "nat",
        attribute(1, be32(natTypes[e.change])),
        attribute(2, be32(familyInet)),
        register(3, e.address),
        ...(e.port === undefined ? [] : [register(5, e.port)]),
      ];
    case "masquerade":
      return ["masq"];
    case "verdict":
      return ["immediate", attribute(1, be32(0)), nested(2, encodeVerdict(e))];
  }
}

/** NFTA_DATA_VERDICT: the code, and the chain that it leads to. */
function encodeVerdict(v: Verdict): Uint8Array {
  const code = attribute(1, be32(verdicts[v.verdict]));
  return "chain" in v ? nested(2, code, attribute(2, text(v.chain))) : nested(2, code);
}

/** NFT_REG32_00 is 8; the older names for groups of four registers are below. */
function register(type: number, number: Register): Uint8Array {
  if (!Number.isInteger(number) || number < 0 || number > 15)
    throw new NetlinkError({
      asked: "write an nf_tables expression",
      fault: "INVALID_VALUE",
      explanation: `there is no register ${number}`,
    });
  return attribute(type, be32(8 + number));
}
