import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Package, readRepository } from "./architecture/repository.js";
import { command } from "./packages/command.js";
import { runGuidePages } from "./packages/guide-pages.js";
import { nodeRelease } from "./packages/node-release.js";
import { checkDeclarations, runProbe, scratchProject } from "./packages/scratch-project.js";

/**
 * What a user gets: the packages are built, packed, linted as tarballs, installed in projects outside the clone, and used there on
 * every Node.js we promise.
 */
const NODE_MAJORS = [20, 24, 26];
/** Runs TypeScript as it is. */
const TYPESCRIPT_MAJOR = 24;

/** By package: a program that uses the packed package as its user would. */
const PROBES: Readonly<Record<string, string>> = {
  "@millrace/core": "core.mjs",
  "@millrace/sqlite": "sqlite.mjs",
};

const COMPILER = fileURLToPath(import.meta.resolve("typescript/bin/tsc"));
const root = fileURLToPath(new URL("..", import.meta.url));

/** Needs an optional peer whose dependencies refuse Node.js 20 under --engine-strict; its suite runs by test:servers. */
const NEEDS_OPTIONAL_PEER: ReadonlySet<string> = new Set(["./platformatic"]);

function entriesOf({ manifest }: Package): string[] {
  return Object.keys(manifest.exports ?? {})
    .filter((entry) => entry !== "./package.json" && !NEEDS_OPTIONAL_PEER.has(entry))
    .map((entry) => manifest.name + entry.slice(1));
}

function step<R>(what: string, run: () => R): R {
  const began = performance.now();
  const result = run();
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  console.log(`  ${what} (${seconds}s)${typeof result === "string" && result !== "" ? `: ${result}` : ""}`);
  return result;
}

function pack(packages: readonly Package[], into: string): string[] {
  return packages.map(({ dir }) => {
    const packed = command("npm", ["pack", "--json", "--pack-destination", into], { cwd: join(root, dir) });
    const [{ filename }] = JSON.parse(packed);
    return join(into, filename);
  });
}

function main(scratch: string): void {
  const packages = readRepository(root).packages.filter(({ manifest }) => manifest.private !== true);
  step("build", () => void command("npm", ["run", "build"], { cwd: root }));
  const tarballs = step("pack", () => pack(packages, scratch));
  for (const tarball of tarballs) {
    const name = tarball.slice(scratch.length + 1);
    step(`publint ${name}`, () => void command("npx", ["publint", "run", tarball, "--strict"], { cwd: root }));
    step(`attw ${name}`, () => void command("npx", ["attw", tarball, "--profile", "esm-only"], { cwd: root }));
  }
  const entries = packages.flatMap(entriesOf);
  for (const major of NODE_MAJORS) {
    const node = step(`get Node.js ${major}`, () => nodeRelease(major));
    const project = step(`install on Node.js ${major}`, () => scratchProject(scratch, node, tarballs));
    const use = (probe: string, ...args: string[]): string =>
      runProbe(project, join(root, "scripts/package-probes", probe), args);
    step(`import on Node.js ${major}`, () => use("entries.mjs", ...entries));
    if (major === NODE_MAJORS[0]) step("declarations", () => checkDeclarations(project, COMPILER, entries));
    if (major === TYPESCRIPT_MAJOR)
      step(`run the guide's code on Node.js ${major}`, () => runGuidePages(project, root));
    for (const { manifest } of packages) {
      const probe = PROBES[manifest.name];
      if (probe !== undefined) step(`use ${manifest.name} on Node.js ${major}`, () => use(probe));
    }
  }
}

const scratch = mkdtempSync(join(tmpdir(), "millrace-packages-"));
try {
  main(scratch);
  console.log("packages: hold");
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
