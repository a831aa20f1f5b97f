import { existsSync, readdirSync } from "node:fs";
import { join, posix } from "node:path";

const MADE: readonly string[] = ["node_modules", "dist", "coverage", "docs/api"];

/** Every file of the pages and packages, from the root, in order of their names; what is made by tools is left out. */
export function filesOf(root: string): string[] {
  const found: string[] = [];
  const walk = (dir: string): void => {
    for (const entry of readdirSync(join(root, dir), { withFileTypes: true })) {
      const path = posix.join(dir, entry.name);
      if (MADE.includes(entry.name) || MADE.includes(path)) continue;
      if (entry.isDirectory()) walk(path);
      else found.push(path);
    }
  };
  for (const top of ["docs", "packages"]) if (existsSync(join(root, top))) walk(top);
  if (existsSync(join(root, "README.md"))) found.push("README.md");
  return found.sort();
}
