import { readdir, readFile } from "node:fs/promises";
import { setTimeout as elapsed } from "node:timers/promises";

/**
 * Stops a server's process as SIGSTOP does, and resolves once each of its threads stands still: the signal alone says so too early, and a thread on
 * another processor may still answer a request. Ends with `goOn`.
 */
export async function standStill(pid: number): Promise<void> {
  process.kill(pid, "SIGSTOP");
  while ((await states(pid)).some((state) => state !== "T")) await elapsed(5);
}

export function goOn(pid: number): void {
  process.kill(pid, "SIGCONT");
}

/** Linux: one letter for each thread. */
async function states(pid: number): Promise<string[]> {
  const folder = `/proc/${pid}/task`;
  const threads = await readdir(folder);
  // The name before it, in brackets, may hold anything.
  return Promise.all(
    threads.map(async (thread) => /\) (\w) [^)]*$/.exec(await readFile(`${folder}/${thread}/stat`, "utf8"))?.[1] ?? ""),
  );
}
