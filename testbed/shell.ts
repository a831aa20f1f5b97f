import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { CACHE } from "./paths.js";

/** Runs a command to its end; its last lines are in the error if it fails. */
export function run(
  command: string,
  args: readonly string[],
  options: {
    readonly cwd?: string;
    readonly env?: Readonly<Record<string, string>>;
    readonly onLine?: (line: string) => void;
  } = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let out = "";
    const take = (data: Buffer): void => {
      const text = data.toString();
      out += text;
      if (out.length > 100_000) out = out.slice(-50_000);
      for (const line of text.split("\n")) if (line.trim() !== "") options.onLine?.(line.trim());
    };
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    child.on("error", (error) => reject(new Error(`${command} can not be run: ${error.message}`)));
    child.on("close", (code) =>
      code === 0
        ? resolve(out)
        : reject(
            new Error(
              `${command} ${args.slice(0, 4).join(" ")} … ended with ${code}:\n${out.split("\n").slice(-15).join("\n")}`,
            ),
          ),
    );
  });
}

/** Builds a folder of the cache once: into a folder beside it first, so that a broken build is never taken for a whole one. */
export async function buildOnce(name: string, build: (dir: string) => Promise<void>): Promise<string> {
  const dir = join(CACHE, name);
  if (existsSync(dir)) return dir;
  const part = `${dir}.part-${process.pid}`;
  await rm(part, { recursive: true, force: true });
  await mkdir(part, { recursive: true });
  try {
    await build(part);
    await rename(part, dir);
  } catch (error) {
    await rm(part, { recursive: true, force: true });
    // Another process may have finished the same build in the meantime.
    if (!existsSync(dir)) throw error;
  }
  return dir;
}

export async function writeAt(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}
