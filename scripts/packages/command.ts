import { spawnSync } from "node:child_process";

export interface CommandOptions {
  readonly cwd: string;
  readonly env?: NodeJS.ProcessEnv;
}

export class CommandError extends Error {
  override readonly name = "CommandError";
}

/** Runs a command to its end and gives what it printed; a failure carries all of its output. */
export function command(file: string, args: readonly string[], { cwd, env = process.env }: CommandOptions): string {
  const { status, signal, error, stdout, stderr } = spawnSync(file, args, {
    cwd,
    env,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    maxBuffer: 64 << 20,
  });
  if (error !== undefined) throw error;
  if (status === 0) return stdout;
  const ending = signal === null ? `exit code ${status}` : signal;
  throw new CommandError(`${[file, ...args].join(" ")}: ${ending}\n${stdout}${stderr}`);
}
