import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const main = fileURLToPath(new URL("main.ts", import.meta.url));
const run = promisify(execFile);

/** For server tests: the testbed's commands for a server of their own. `env` gives it other ports and another folder. */
export function testbed(
  server: string,
  env: Readonly<Record<string, string>>,
): (command: "up" | "down" | "kill" | "wipe" | "env", name?: string) => Promise<string> {
  return async (command, name = server) =>
    (await run(process.execPath, ["--import", "tsx", main, command, name], { env: { ...process.env, ...env } })).stdout;
}

/** What `env` prints, as variables. */
export function parseEnv(text: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    [...text.matchAll(/^export (\w+)='(.*)'$/gm)].map(([, name, value]) => [name as string, value as string]),
  );
}
