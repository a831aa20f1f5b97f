/** Readers of this process that wait for messages, by file and topic. Other processes are noticed by polling. */
const waiting = new Map<string, Set<() => void>>();

/** Calls `wake` whenever this process has appended to the topic; returns a function that stops it. */
export function onAppend(path: string, topic: string, wake: () => void): () => void {
  const key = keyOf(path, topic);
  const listeners = waiting.get(key) ?? new Set();
  listeners.add(wake);
  waiting.set(key, listeners);
  return () => {
    listeners.delete(wake);
    if (listeners.size === 0 && waiting.get(key) === listeners) waiting.delete(key);
  };
}

/** Messages are committed: whoever waits for some looks at once. */
export function announceAppend(path: string, topic: string): void {
  for (const wake of [...(waiting.get(keyOf(path, topic)) ?? [])]) wake();
}

function keyOf(path: string, topic: string): string {
  return `${path}\0${topic}`;
}
