/** The promise of a call that may also throw before it gives one. */
export function begun<T>(call: () => PromiseLike<T> | T): Promise<T> {
  try {
    return Promise.resolve(call());
  } catch (error) {
    return Promise.reject(error);
  }
}

/** Closes all of them, whatever one of them does; then rejects with the first failure. */
export async function closeAll(closers: readonly (() => PromiseLike<void> | void)[]): Promise<void> {
  const results = await Promise.allSettled(closers.map(begun));
  const failed = results.find((result) => result.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}
