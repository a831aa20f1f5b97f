import { mkdirSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { snippetsOf } from "../docs/snippets.js";
import { command } from "./command.js";
import { environmentOf } from "./node-release.js";
import type { ScratchProject } from "./scratch-project.js";

/** Runs what the pages of the guide print, as printed, as files of the project. Its Node.js must read TypeScript: 24 does. */
export function runGuidePages({ dir, node }: ScratchProject, root: string): string {
  const folder = join(dir, "guide");
  mkdirSync(folder);
  const snippets = snippetsOf(root).filter(({ file }) => file.startsWith("docs/guide/"));
  for (const { file, line, code } of snippets) {
    const program = join(folder, `${basename(file, ".md")}-${line}.ts`);
    writeFileSync(program, code);
    command(node.program, [program], { cwd: folder, env: environmentOf(node) });
  }
  if (snippets.length === 0) throw new Error("the guide has no code");
  return `${snippets.length} programs`;
}
