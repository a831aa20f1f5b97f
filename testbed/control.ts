import { spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { RUN } from "./paths.js";
import type { Server } from "./server.js";

const STOP_SECONDS = 20;

/** A process we started: its pid, and when it began, so that another process that got the same pid later is left alone. */
interface Started {
  readonly pid: number;
  readonly began: string;
}

export function dataDir(server: Server): string {
  return join(RUN, server.name);
}

/** Starts a server and waits until it answers. Does nothing where it runs already. */
export async function start(server: Server, progress: (line: string) => void): Promise<void> {
  if ((await running(server)) !== undefined) return;
  if (await server.ready(join(RUN, "none")).catch(() => false))
    throw new Error(
      `something else answers on the port of ${server.name}: stop it, or give ${server.name} another port (see \`testbed env\`)`,
    );
  const dir = dataDir(server);
  mkdirSync(dir, { recursive: true });
  const launch = await server.prepare(dir);
  const logFile = join(dir, "server.log");
  const log = openSync(logFile, "w");
  const child = spawn(launch.command, launch.args, {
    cwd: dir,
    env: { ...process.env, ...launch.env },
    stdio: ["ignore", log, log],
    detached: true,
  });
  closeSync(log);
  await new Promise<void>((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", (error) => reject(new Error(`${server.name} can not be started: ${error.message}`)));
  });
  child.unref();
  const pid = child.pid as number;
  await writeFile(pidFile(server), JSON.stringify({ pid, began: beganAt(pid) } satisfies Started));
  await untilReady(server, pid, logFile, progress);
  await launch.afterReady?.();
}

async function untilReady(
  server: Server,
  pid: number,
  logFile: string,
  progress: (line: string) => void,
): Promise<void> {
  const began = Date.now();
  for (;;) {
    if (!alive(pid))
      throw new Error(`${server.name} ended before it was ready; the end of ${logFile}:\n${tail(logFile)}`);
    if (await server.ready(logFile)) return;
    const seconds = Math.round((Date.now() - began) / 1000);
    if (seconds > server.readySeconds)
      throw new Error(
        `${server.name} was not ready within ${server.readySeconds} s; the end of ${logFile}:\n${tail(logFile)}`,
      );
    progress(`starting, ${seconds} s`);
    await sleep(200);
  }
}

/** Stops a server in its own way; past a deadline by force. */
export async function stop(server: Server): Promise<boolean> {
  const started = await running(server);
  if (started === undefined) return false;
  process.kill(started.pid, "SIGTERM");
  for (let waited = 0; waited < STOP_SECONDS * 10 && alive(started.pid); waited++) await sleep(100);
  if (alive(started.pid)) process.kill(started.pid, "SIGKILL");
  await gone(started.pid);
  await rm(pidFile(server), { force: true });
  return true;
}

/** SIGKILL, for tests of what survives it. Its data stays. */
export async function kill(server: Server): Promise<boolean> {
  const started = await running(server);
  if (started === undefined) return false;
  process.kill(started.pid, "SIGKILL");
  await gone(started.pid);
  await rm(pidFile(server), { force: true });
  return true;
}

export async function wipe(server: Server): Promise<void> {
  await stop(server);
  await rm(dataDir(server), { recursive: true, force: true });
}

/** The process of a server, if it is the one we started and still lives. */
export async function running(server: Server): Promise<Started | undefined> {
  if (!existsSync(pidFile(server))) return undefined;
  const started = JSON.parse(await readFile(pidFile(server), "utf8")) as Started;
  return alive(started.pid) && beganAt(started.pid) === started.began ? started : undefined;
}

function pidFile(server: Server): string {
  mkdirSync(RUN, { recursive: true });
  return join(RUN, `${server.name}.pid`);
}

async function gone(pid: number): Promise<void> {
  while (alive(pid)) await sleep(20);
}

function alive(pid: number): boolean {
  // A zombie still takes signals: only its state tells. Its other threads may take longer to end, and until then its ports stay open.
  try {
    const zombie = /^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
    return !zombie || readdirSync(`/proc/${pid}/task`).length > 1;
  } catch {
    return false;
  }
}

/** Field 22 of /proc/pid/stat: clock ticks after boot at which the process began. */
function beganAt(pid: number): string {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    return text.slice(text.lastIndexOf(")") + 2).split(" ")[19] ?? "";
  } catch {
    return "";
  }
}

function tail(file: string): string {
  return existsSync(file) ? readFileSync(file, "utf8").split("\n").slice(-12).join("\n") : "(no log)";
}
