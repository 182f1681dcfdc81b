/** Report an event. One with the key of an event that nobody took yet replaces it, so a slow reader gets the newest. */
export type Emit<E> = (event: E, key?: string) => void;

/**
 * Run `work` and hand out what it reports. Leaving the loop early aborts the work and waits for its end,
 * so nothing runs on behind the caller's back.
 */
export async function* eventsOf<E>(
  signal: AbortSignal | undefined,
  work: (emit: Emit<E>, signal: AbortSignal) => Promise<void>,
): AsyncGenerator<E, void, undefined> {
  const abort = new AbortController();
  const queue = new Map<string | number, E>();
  let serial = 0;
  let wake = (): void => {};
  let isDone = false;
  const emit: Emit<E> = (event, key) => {
    queue.set(key ?? serial++, event);
    wake();
  };
  const combined = signal === undefined ? abort.signal : AbortSignal.any([signal, abort.signal]);
  const result = work(emit, combined).finally(() => {
    isDone = true;
    wake();
  });
  // Its failure is thrown below, once the events before it are out.
  result.catch(() => {});
  try {
    for (;;) {
      for (const [key, event] of queue) {
        queue.delete(key);
        yield event;
      }
      if (isDone) break;
      await new Promise<void>((resolve) => {
        wake = resolve;
        if (queue.size > 0 || isDone) resolve();
      });
    }
    await result;
  } finally {
    abort.abort();
    await result.catch(() => {});
  }
}

/**
 * Do `task` for every item, `concurrency` at a time, in the order they come. The first failure aborts
 * the tasks that run, and is thrown when they have ended.
 */
export async function forEachParallel<T>(
  items: readonly T[],
  o: { readonly concurrency: number; readonly signal: AbortSignal },
  task: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const abort = new AbortController();
  const signal = AbortSignal.any([o.signal, abort.signal]);
  const rest = items.values();
  const failures: unknown[] = [];
  const worker = async (): Promise<void> => {
    for (const item of rest) {
      if (signal.aborted) return;
      try {
        await task(item, signal);
      } catch (error) {
        failures.push(error);
        abort.abort(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, Math.min(o.concurrency, items.length)) }, worker));
  if (failures.length > 0) throw failures[0];
  o.signal.throwIfAborted();
}
