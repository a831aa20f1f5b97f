import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const main = fileURLToPath(new URL("../../../../testbed/main.ts", import.meta.url));
const run = promisify(execFile);

/** The testbed's command line, for servers of our own: `env` gives them other ports and another folder. */
export function testbed(
  env: Readonly<Record<string, string>>,
): (command: "up" | "down" | "kill" | "wipe" | "env", name?: string) => Promise<string> {
  return async (command, name = "cassandra") =>
    (await run(process.execPath, ["--import", "tsx", main, command, name], { env: { ...process.env, ...env } })).stdout;
}

/** What `env` prints, as variables. */
export function parseEnv(text: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    [...text.matchAll(/^export (\w+)='(.*)'$/gm)].map(([, name, value]) => [name as string, value as string]),
  );
}
