import { builtinModules } from "node:module";
import type { Import, Manifest, Package, Repository, SourceFile } from "./repository.js";
import type { Violation } from "./violation.js";

const SCOPE = "@millrace/";

/** Which of our own packages each part may name. Connectors stand alone; nothing below scoring knows scoring. */
function ownPackagesFor(dir: string): (name: string) => boolean {
  if (dir === "packages/core") return () => false;
  if (dir.startsWith("packages/connectors/")) return (name) => name === "@millrace/core";
  return () => true;
}

export function checkPackageImports({ manifest: root, packages }: Repository): Violation[] {
  const byName = new Map(packages.map((each) => [each.manifest.name, each]));
  return packages.flatMap((each) =>
    each.files.flatMap((file) =>
      file.imports.flatMap((imported) => {
        const message = imported.specifier.startsWith(".")
          ? leavesPackage(each, file, imported)
          : (deepImport(each, file, imported, byName) ?? undeclared(each, file, imported, root));
        return message === undefined ? [] : [{ file: file.path, line: imported.line, rule: "packages", message }];
      }),
    ),
  );
}

function leavesPackage(from: Package, file: SourceFile, { specifier, target }: Import): string | undefined {
  if (target === undefined || target.startsWith(`${from.dir}/`)) return undefined;
  // Servers for tests, which belong to no package.
  if (file.isTest && target.startsWith("testbed/")) return undefined;
  return `"${specifier}" leaves ${from.dir}: import the other package by its name`;
}

function deepImport(
  from: Package,
  file: SourceFile,
  { specifier }: Import,
  byName: ReadonlyMap<string, Package>,
): string | undefined {
  if (!specifier.startsWith(SCOPE)) return undefined;
  const name = packageName(specifier);
  const target = byName.get(name);
  if (target === undefined) return `"${name}" is not a package of this repository`;
  const entry = specifier === name ? "." : `.${specifier.slice(name.length)}`;
  const entries = Object.keys(target.manifest.exports ?? {});
  if (!entries.includes(entry)) return `"${specifier}" is no public entry of ${name} (${entries.join(", ")})`;
  if (target === from) return file.isTest ? undefined : `${name} must not import itself by name`;
  if (!ownPackagesFor(from.dir)(name)) return `${from.manifest.name} must not know ${name}`;
  return undefined;
}

/** What the code of a package imports, its users must get with it; a test may also use what the repository installs for all. */
function undeclared(from: Package, file: SourceFile, { specifier }: Import, root: Manifest): string | undefined {
  if (specifier.startsWith("node:") || builtinModules.includes(specifier)) return undefined;
  const name = packageName(specifier);
  if (name === from.manifest.name) return undefined;
  const { dependencies, peerDependencies, optionalDependencies, devDependencies } = from.manifest;
  const declared = { ...dependencies, ...peerDependencies, ...optionalDependencies };
  const forTests = file.isTest ? { ...devDependencies, ...root.devDependencies } : {};
  if (name in declared || name in forTests || `@types/${name}` in declared) return undefined;
  return `"${name}" is not declared in ${from.dir}/package.json`;
}

function packageName(specifier: string): string {
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}

/** Core installs nothing; all packages carry one version and ask for each other at exactly that version. */
export function checkManifests({ manifest: root, packages }: Repository): Violation[] {
  return packages.flatMap(({ dir, manifest }) => {
    const report = (rule: string, message: string): Violation => ({
      file: `${dir}/package.json`,
      line: 1,
      rule,
      message,
    });
    const violations: Violation[] = [];
    const installed = { ...manifest.dependencies, ...manifest.optionalDependencies, ...requiredPeers(manifest) };
    if (dir === "packages/core" && Object.keys(installed).length > 0) {
      violations.push(report("core-dependencies", `must install nothing, but asks for ${Object.keys(installed)}`));
    }
    if (manifest.version !== root.version) {
      violations.push(report("one-version", `has version ${manifest.version}, the repository ${root.version}`));
    }
    for (const [name, range] of Object.entries(installed)) {
      if (!name.startsWith(SCOPE) || range === root.version) continue;
      violations.push(report("one-version", `asks for ${name}@${range}, not ${root.version}`));
    }
    return violations;
  });
}

function requiredPeers({ peerDependencies = {}, peerDependenciesMeta = {} }: Manifest): Record<string, string> {
  return Object.fromEntries(
    Object.entries(peerDependencies).filter(([name]) => peerDependenciesMeta[name]?.optional !== true),
  );
}
