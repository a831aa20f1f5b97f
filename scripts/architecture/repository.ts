import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import ts from "typescript";

export interface Import {
  readonly specifier: string;
  readonly line: number;
  /** The file of this repository that a relative import names, from the root; undefined where there is none. */
  readonly target: string | undefined;
}

export interface SourceFile {
  /** From the repository's root, with slashes. */
  readonly path: string;
  readonly lines: number;
  readonly isTest: boolean;
  readonly imports: readonly Import[];
}

export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly private?: boolean;
  readonly exports?: Readonly<Record<string, unknown>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

export interface Package {
  readonly dir: string;
  readonly manifest: Manifest;
  readonly files: readonly SourceFile[];
}

export interface Repository {
  readonly manifest: Manifest;
  readonly packages: readonly Package[];
}

/** Everything the rules look at, read once. Configuration files are no part of a package's code and are left out. */
export function readRepository(root: string): Repository {
  const manifest = readManifest(root);
  const packages = (manifest.workspaces ?? [])
    .flatMap((pattern) => expand(root, pattern))
    .filter((dir) => existsSync(join(root, dir, "package.json")))
    .map((dir) => ({ dir, manifest: readManifest(join(root, dir)), files: readFiles(root, dir) }));
  return { manifest, packages };
}

function readManifest(dir: string): Manifest & { readonly workspaces?: readonly string[] } {
  return JSON.parse(readFileSync(join(dir, "package.json"), "utf8"));
}

function expand(root: string, pattern: string): string[] {
  if (!pattern.endsWith("/*")) return [pattern];
  const parent = pattern.slice(0, -2);
  if (!existsSync(join(root, parent))) return [];
  return readdirSync(join(root, parent), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => `${parent}/${entry.name}`);
}

const LEFT_OUT = /(^|\/)(node_modules|dist)\/|\.config\.ts$|\.d\.ts$/;

function readFiles(root: string, dir: string): SourceFile[] {
  return readdirSync(join(root, dir), { recursive: true, encoding: "utf8" })
    .map((name) => `${dir}/${name.replaceAll("\\", "/")}`)
    .filter((path) => /\.(ts|mts|cts)$/.test(path) && !LEFT_OUT.test(path))
    .sort()
    .map((path) => readSource(root, path));
}

function readSource(root: string, path: string): SourceFile {
  const text = readFileSync(join(root, path), "utf8");
  // Counts type-only imports, re-exports and `import()` too: all of them tie one file to another.
  const imports = ts.preProcessFile(text, true, true).importedFiles.map(({ fileName, pos }) => ({
    specifier: fileName,
    line: text.slice(0, pos).split("\n").length,
    target: resolveRelative(root, path, fileName),
  }));
  return {
    path,
    lines: text.split("\n").length - (text.endsWith("\n") ? 1 : 0),
    isTest: TEST.test(path) || (path.includes("/src/testing/") && !publishesTesting(root, path)),
    imports,
  };
}

const TEST = /\.test(-d)?\.ts$|\/(test|fixtures)\//;

/** Core's `testing` is an entry for users; elsewhere the folder only serves the package's own tests. */
function publishesTesting(root: string, path: string): boolean {
  const dir = path.slice(0, path.indexOf("/src/testing/"));
  return "./testing" in (readManifest(join(root, dir)).exports ?? {});
}

function resolveRelative(root: string, importer: string, specifier: string): string | undefined {
  if (!specifier.startsWith(".")) return undefined;
  const named = resolve(root, dirname(importer), specifier);
  const file = [named.replace(/\.([cm]?)js$/, ".$1ts"), named, `${named}.ts`, join(named, "index.ts")].find(
    (candidate) => existsSync(candidate),
  );
  return relative(root, file ?? named).replaceAll("\\", "/");
}
