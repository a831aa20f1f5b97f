import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { promisify } from "node:util";

/** Our own sources, and TypeScript without a build: how an example is run by hand, see docs/README.md. */
const NODE_OPTIONS = ["--conditions=millrace-source", "--import", "tsx"];

/** The lines under `// prints:` at the end of an example. */
export function promised(file: string): string[] {
  const [, lines = ""] = readFileSync(file, "utf8").split("\n// prints:\n");
  return lines.split("\n").flatMap((line) => (line.startsWith("// ") ? [line.slice(3)] : []));
}

/** The lines that an example prints. One that is as was promised, where `…` may be anything, is given as the promise. */
export async function printed(file: string): Promise<string[]> {
  const { stdout } = await promisify(execFile)(process.execPath, [...NODE_OPTIONS, file], { cwd: dirname(file) });
  const promises = promised(file);
  return stdout
    .split("\n")
    .slice(0, -1)
    .map((line, i) => (isAs(line, promises[i] ?? "") ? (promises[i] ?? "") : line));
}

function isAs(line: string, promise: string): boolean {
  const pattern = promise.split("…").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${pattern.join(".*")}$`).test(line);
}
