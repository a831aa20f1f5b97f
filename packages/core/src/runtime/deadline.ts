import type { Clock } from "../connector.js";
import { StreamError } from "../errors.js";
import { begun } from "./closing.js";

/**
 * The outcome of `work`, or E_TIMEOUT when that takes longer than `ms` by the clock, or the signal's reason when that ends. What is waited
 * for may go on then, but nobody listens.
 */
export function withDeadline<T>(
  work: () => PromiseLike<T> | T,
  {
    clock,
    ms,
    what,
    signal,
  }: { readonly clock: Clock; readonly ms: number; readonly what: string; readonly signal?: AbortSignal },
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const over = (): void => {
      cancel();
      signal?.removeEventListener("abort", aborted);
    };
    const aborted = (): void => {
      over();
      reject(signal?.reason);
    };
    const cancel = clock.schedule(clock.now() + ms, () => {
      over();
      reject(new StreamError("E_TIMEOUT", `waited ${ms} ms for ${what}`));
    });
    if (signal?.aborted === true) {
      aborted();
      return;
    }
    signal?.addEventListener("abort", aborted, { once: true });
    begun(work).then(
      (value) => {
        over();
        resolve(value);
      },
      (error) => {
        over();
        reject(error);
      },
    );
  });
}
