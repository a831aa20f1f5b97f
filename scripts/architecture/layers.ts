import type { SourceFile } from "./repository.js";
import type { Violation } from "./violation.js";

/**
 * Who may import whom inside packages/core/src (DESIGN §2): a row sees itself and the rows in `sees`. A file at the top is named
 * without its ending, `*` stands for any rest of a name, a folder ends with a slash.
 */
export interface Layer {
  readonly name: string;
  readonly members: readonly string[];
  readonly sees: readonly string[];
}

export const CORE_LAYERS: readonly Layer[] = [
  { name: "contracts", members: ["element", "duration", "errors", "policy", "connector", "stage"], sees: [] },
  { name: "mechanisms", members: ["graph/", "time/", "state/", "metrics/"], sees: ["contracts"] },
  { name: "operators", members: ["operators/", "windows/", "io/"], sees: ["contracts", "mechanisms"] },
  // The runtime knows stages and node flags; an operator's name in it would have to be repeated for every new operator.
  { name: "runtime", members: ["runtime/"], sees: ["contracts", "mechanisms"] },
  {
    name: "surface",
    members: ["stream*", "windowed*", "topology*", "target*", "from", "iterate", "index"],
    sees: ["contracts", "mechanisms", "operators", "runtime"],
  },
  {
    name: "testing",
    members: ["testing/"],
    sees: ["contracts", "mechanisms", "operators", "runtime", "surface"],
  },
];

const CORE_SOURCE = "packages/core/src/";

export function checkLayers(files: readonly SourceFile[]): Violation[] {
  const violations: Violation[] = [];
  for (const file of files) {
    if (file.isTest || !file.path.startsWith(CORE_SOURCE)) continue;
    const layer = layerOf(file.path);
    if (layer === undefined) {
      violations.push({
        file: file.path,
        line: 1,
        rule: "layers",
        message:
          "belongs to no layer of DESIGN §2: move it into a folder, or name it in scripts/architecture/layers.ts",
      });
      continue;
    }
    for (const { target, line } of file.imports) {
      const imported = target === undefined ? undefined : layerOf(target);
      if (imported === undefined || imported === layer || layer.sees.includes(imported.name)) continue;
      violations.push({
        file: file.path,
        line,
        rule: "layers",
        message: `${describe(layer)} must not import ${describe(imported)} (${target}); it sees ${listOf(layer.sees)}`,
      });
    }
  }
  return violations;
}

function layerOf(path: string): Layer | undefined {
  if (!path.startsWith(CORE_SOURCE)) return undefined;
  const name = path.slice(CORE_SOURCE.length).replace(/\.ts$/, "");
  return CORE_LAYERS.find(({ members }) => members.some((member) => matches(name, member)));
}

function matches(name: string, member: string): boolean {
  if (member.endsWith("/")) return name.startsWith(member);
  if (name.includes("/")) return false;
  return member.endsWith("*") ? name.startsWith(member.slice(0, -1)) : name === member;
}

function describe({ name, members }: Layer): string {
  return `"${name}" (${members.join(" ")})`;
}

function listOf(names: readonly string[]): string {
  return names.length === 0 ? "only its own row" : names.join(", ");
}
