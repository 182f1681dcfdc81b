/** The same numbers on every machine (mulberry32): the same image, byte for byte. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** From 0 up to, and without, 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let bits = this.#state;
    bits = Math.imul(bits ^ (bits >>> 15), bits | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from 0 up to, and without, `limit`. */
  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  /** About normal, mean 0 and variance 1: the sum of twelve. No rounding differs from one engine to another. */
  normal(): number {
    let sum = -6;
    for (let turn = 0; turn < 12; turn++) sum += this.next();
    return sum;
  }
}

/** How files compress with gzip: `text` to about a quarter, `binary` (programs) to about 45 %, `packed` not at all. */
export type ContentKind = "text" | "binary" | "packed";

const poolBytes = 8 << 20;

/**
 * Contents of files: slices of a pool per kind, from any offset. Pools are much longer than the 32 KiB in which
 * gzip finds repetitions, and no two files are equal.
 */
export class Contents {
  readonly #pools: Readonly<Record<ContentKind, Uint8Array>>;

  constructor() {
    const text = repetitive({ seed: 1, words: textWords(3000), skew: 3, phraseShare: 0.2 });
    const binary = repetitive({ seed: 2, words: instructions(4096), skew: 2, phraseShare: 0.12 });
    const random = new Random(3);
    const packed = new Uint8Array(Uint32Array.from({ length: poolBytes / 4 }, () => random.next() * 2 ** 32).buffer);
    this.#pools = { text, binary, packed };
  }

  *slices(kind: ContentKind, size: number, random: Random): Generator<Uint8Array, void> {
    const pool = this.#pools[kind];
    for (let left = size; left > 0; ) {
      const start = random.below(poolBytes - Math.min(left, poolBytes / 2));
      const slice = pool.subarray(start, start + left);
      left -= slice.length;
      yield slice;
    }
  }
}

/** Words as often as their rank says, and now and then a phrase from shortly before. */
function repetitive(o: {
  readonly seed: number;
  readonly words: readonly Uint8Array[];
  /** 1: all words alike; more: the first ones more often. */
  readonly skew: number;
  readonly phraseShare: number;
}): Uint8Array {
  const random = new Random(o.seed);
  const pool = new Uint8Array(poolBytes);
  for (let at = 0; at < poolBytes; ) {
    const isPhrase = at > 20_000 && random.next() < o.phraseShare;
    const from = at - 64 - random.below(16_000);
    const word = isPhrase
      ? pool.subarray(from, from + 12 + random.below(40))
      : o.words[Math.floor(o.words.length * random.next() ** o.skew)]!;
    pool.set(word.subarray(0, poolBytes - at), at);
    at += word.length;
  }
  return pool;
}

function textWords(count: number): Uint8Array[] {
  const random = new Random(4);
  const letters = "etaoinshrdlucmfwypvbgkqjxz";
  const ends = [" ", " ", " ", "_", ".", ", ", " = ", "(", ")\n", ";\n    ", "\n"];
  return Array.from({ length: count }, () => {
    const length = 2 + random.below(8);
    const word = Array.from({ length }, () => letters[Math.floor(26 * random.next() ** 2)]).join("");
    return Buffer.from(word + ends[random.below(ends.length)]);
  });
}

function instructions(count: number): Uint8Array[] {
  const random = new Random(5);
  return Array.from({ length: count }, () => Uint8Array.from({ length: 2 + random.below(6) }, () => random.below(256)));
}
