import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { command } from "./command.js";
import { buildNativeModules } from "./native-modules.js";
import { environmentOf, type NodeRelease } from "./node-release.js";

/** A user's project outside the clone: the packed packages installed in it, nothing else of this repository. */
export interface ScratchProject {
  readonly dir: string;
  readonly node: NodeRelease;
}

export function scratchProject(parent: string, node: NodeRelease, tarballs: readonly string[]): ScratchProject {
  const dir = join(parent, `node-${node.major}`);
  mkdirSync(dir);
  const manifest = { private: true, type: "module", allowScripts: { "better-sqlite3": true } };
  writeFileSync(join(dir, "package.json"), JSON.stringify(manifest));
  // engine-strict: an `engines` that refuses this Node.js, ours or a dependency's, is a failure here.
  const options = ["--no-package-lock", "--ignore-scripts", "--engine-strict", "--no-audit", "--no-fund"];
  command("npm", ["install", ...options, "@types/node@20", ...tarballs], {
    cwd: dir,
    env: environmentOf(node),
  });
  const project = { dir, node };
  buildNativeModules(dir, node);
  return project;
}

/** Runs a probe as a file of the project; what it prints is the proof. */
export function runProbe({ dir, node }: ScratchProject, probe: string, args: readonly string[] = []): string {
  const file = join(dir, basename(probe));
  cpSync(probe, file);
  return command(node.program, [file, ...args], { cwd: dir, env: environmentOf(node) }).trim();
}

/** Checks every declaration that the entries reach as a strict user without `skipLibCheck` would. */
export function checkDeclarations({ dir }: ScratchProject, compiler: string, entries: readonly string[]): string {
  writeFileSync(
    join(dir, "consumer.ts"),
    entries.map((entry, i) => `export * as entry${i} from "${entry}";\n`).join(""),
  );
  const compilerOptions = {
    module: "nodenext",
    target: "es2022",
    lib: ["es2023"],
    types: ["node"],
    strict: true,
    noEmit: true,
  };
  writeFileSync(join(dir, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["consumer.ts"] }));
  command(process.execPath, [compiler, "-p", "."], { cwd: dir });
  return `${entries.length} entries`;
}
