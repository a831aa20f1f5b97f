/**
 * The outcome of `work`, or `reason()` thrown as soon as the signal ends: for a sink whose client can not be told to give up, so that it
 * does not hold up a run that is over. The work may go on then, but nobody listens.
 *
 * @example
 * ```ts
 * import { untilAborted, type WriteContext, WriteError } from "@millrace/core";
 * const write = (sent: Promise<void>, { signal }: WriteContext): Promise<void> =>
 *   untilAborted(sent, signal, () => new WriteError("fatal", "E_MAIL_ABORTED", "the run is over: nothing more is sent"));
 * ```
 */
export async function untilAborted<R>(work: Promise<R>, signal: AbortSignal, reason: () => Error): Promise<R> {
  let stop = (): void => {};
  const ended = new Promise<never>((_, reject) => {
    stop = () => reject(reason());
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
  try {
    return await Promise.race([work, ended]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
