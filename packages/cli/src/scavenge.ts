import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Milliseconds between two looks: 20 MB of a stream of 1 GB/s. */
const interval = 20;

/** Bytes of buffers that are not worth a collection. */
const harmlessBytes = 16 << 20;

/**
 * Do what streams large things, and give the memory of chunks back as they are used up. V8 lets 64 MB of buffers lie
 * that nobody has any more, so a stream of any length would cost that much on top of what it needs.
 */
export async function scavenging<T>(work: () => Promise<T>): Promise<T> {
  let collect: ReturnType<typeof minorCollector> | undefined;
  const timer = setInterval(() => {
    if (process.memoryUsage().arrayBuffers < harmlessBytes) return;
    collect ??= minorCollector();
    collect({ type: "minor" });
  }, interval);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}

// The function is there for contexts that are made while the flag is set, and for no others.
function minorCollector(): (o: { readonly type: "minor" }) => void {
  setFlagsFromString("--expose-gc");
  try {
    return runInNewContext("gc");
  } finally {
    setFlagsFromString("--no-expose-gc");
  }
}
