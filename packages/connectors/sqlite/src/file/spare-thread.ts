import { Worker } from "node:worker_threads";

/** A thread whose file was closed waits for the next: to start one takes longer than all that a short run has to do. One is enough. */
let spare: Worker | undefined;

/** A thread that owns no file yet. Like every thread with nothing to do it keeps no process alive. */
export function takeThread(): Worker {
  const thread = spare ?? startThread();
  if (spare !== undefined) forgetListeners(spare);
  spare = undefined;
  thread.unref();
  return thread;
}

/** Gives back a thread that has closed its file. */
export async function giveBackThread(thread: Worker): Promise<void> {
  forgetListeners(thread);
  if (spare !== undefined) {
    await thread.terminate();
    return;
  }
  spare = thread;
  const forget = (): void => {
    if (spare === thread) spare = undefined;
  };
  thread.on("error", forget);
  thread.on("exit", forget);
  thread.unref();
}

/** By name: Node keeps listeners of its own on a Worker, without which it hears no more messages. */
function forgetListeners(thread: Worker): void {
  for (const event of ["message", "error", "exit"]) thread.removeAllListeners(event);
}

/** From a build: the file beside this one. From source: the same in TypeScript, which tsx, a tool of the repository, has to load. */
function startThread(): Worker {
  const name = "millrace-sqlite";
  if (!import.meta.url.endsWith(".ts")) {
    // Not the process's own flags: --input-type, for one, would keep the thread from starting.
    return new Worker(new URL("./file-worker.js", import.meta.url), { name, execArgv: [] });
  }
  const source = new URL("../file-worker.ts", import.meta.url).href;
  const load = `import(${JSON.stringify(import.meta.resolve("tsx/esm/api"))}).then((tsx) => { tsx.register(); return import(${JSON.stringify(source)}); })`;
  return new Worker(load, { name, eval: true, execArgv: ["--conditions=millrace-source"] });
}
