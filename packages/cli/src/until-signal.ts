import { Failure } from "./failure.ts";

/** Work that ends in an orderly way at Ctrl-C: nothing half-written, nothing held. */
export async function untilSignal<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const cancel = new AbortController();
  const stop = (): void => cancel.abort(new Failure("canceled", 1));
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const name of signals) process.once(name, stop);
  try {
    return await work(cancel.signal);
  } finally {
    for (const name of signals) process.off(name, stop);
  }
}
