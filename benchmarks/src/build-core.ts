import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execute } from "./process.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
export const CORE_PACKAGES: readonly string[] = ["packages/core", "packages/connectors/sqlite"];

/** What is measured is the published build, so it is made again where a source is newer. */
export async function buildPackages(say: (line: string) => void, folders: readonly string[]): Promise<void> {
  for (const folder of folders) {
    const output = join(ROOT, folder, "dist", "index.js");
    if (existsSync(output) && statSync(output).mtimeMs >= newestSource(join(ROOT, folder, "src"))) continue;
    say(`building ${folder}`);
    await execute("npm", ["run", "build", "-w", folder], ROOT);
  }
}

function newestSource(folder: string): number {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Math.max(...files.map((file) => statSync(join(file.parentPath, file.name)).mtimeMs));
}
