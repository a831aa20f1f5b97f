import { spawn } from "node:child_process";
import type { Report, Task } from "./task.js";

/** How an engine's process is started; the task follows as the last argument. */
export interface Command {
  readonly file: string;
  readonly args: readonly string[];
}

const TIMEOUT_MS = 300_000;

/** Runs a command to its end; rejects with what it wrote when it fails. */
export function execute(file: string, args: readonly string[], cwd?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { cwd, stdio: ["ignore", "pipe", "pipe"], timeout: TIMEOUT_MS });
    let output = "";
    let errors = "";
    child.stdout.on("data", (chunk) => {
      output += chunk;
    });
    child.stderr.on("data", (chunk) => {
      errors += chunk;
    });
    child.on("error", reject);
    child.on("close", (code, signal) => {
      if (code === 0) resolve(output);
      else reject(new Error(`${file} ended with ${code ?? signal}: ${errors.trim() || output.trim()}`));
    });
  });
}

/** One process, one task: the report is its last line. */
export async function runTask({ file, args }: Command, task: Task): Promise<Report> {
  const output = await execute(file, [...args, JSON.stringify(task)]);
  return JSON.parse(output.trim().split("\n").at(-1) ?? "") as Report;
}
