import type { Worker } from "node:worker_threads";

const threads = new Set<Worker>();
process.on("worker", (thread) => {
  threads.add(thread);
  thread.once("exit", () => threads.delete(thread));
});

/** Ends every thread of this process at once, as a crash would, with whatever it was doing. */
export async function killThreads(): Promise<void> {
  await Promise.all([...threads].map((thread) => thread.terminate()));
}
