import { setTimeout as delay } from "node:timers/promises";

/** How often and how patiently a request is repeated. */
export interface RetryPolicy {
  /** Attempts without progress before we give up; at least 1. */
  readonly attempts: number;
  /** Milliseconds before the second attempt; doubled for each further one. */
  readonly firstDelayMillis: number;
  /** Milliseconds that one pause lasts at most. A registry that asks for a longer one is given up. */
  readonly maxDelayMillis: number;
}

export const defaultRetryPolicy: RetryPolicy = { attempts: 5, firstDelayMillis: 250, maxDelayMillis: 60_000 };

const passingCodes: ReadonlySet<unknown> = new Set([
  "ECONNRESET",
  "EPIPE",
  "ETIMEDOUT",
  "EAI_AGAIN",
  "ERR_STREAM_PREMATURE_CLOSE",
]);

/** Whether a failed exchange may well succeed next time: the connection was lost, not refused. */
export function isPassing(error: unknown): boolean {
  return error instanceof Error && "code" in error && passingCodes.has(error.code);
}

/** 429 and what a proxy or an overloaded server answers. */
export function isPassingStatus(status: number): boolean {
  return status === 429 || status === 500 || status === 502 || status === 503 || status === 504;
}

/**
 * Milliseconds that `Retry-After` asks for, or undefined without a usable one.
 *
 * @param now  Milliseconds since the epoch, for the form that is a date.
 * @see RFC 9110 section 10.2.3
 */
export function retryAfterMillis(header: string | undefined, now: number): number | undefined {
  if (header === undefined || header.length > 64) return undefined;
  if (/^[0-9]{1,9}$/.test(header)) return Number(header) * 1000;
  if (!/^[A-Za-z]{3,9},? /.test(header)) return undefined;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(date - now, 0);
}

/**
 * Milliseconds to wait before attempt `attempt` (2 is the first repetition), spread over the upper half
 * of the doubled delay so that many clients do not come back at once.
 *
 * @param random  From 0 to 1.
 */
export function backOffMillis(policy: RetryPolicy, attempt: number, random: number): number {
  const full = Math.min(policy.firstDelayMillis * 2 ** Math.min(attempt - 2, 30), policy.maxDelayMillis);
  return full / 2 + (full / 2) * random;
}

/** @throws the signal's reason */
export async function pause(millis: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await delay(millis, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}
