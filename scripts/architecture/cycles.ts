import type { Import, SourceFile } from "./repository.js";
import type { Violation } from "./violation.js";

/**
 * Import cycles between non-test files, each reported once, at the import that closes it. Type-only imports count: two files that
 * need each other's types are one idea in two places.
 */
export function checkCycles(files: readonly SourceFile[]): Violation[] {
  const byPath = new Map(files.filter((file) => !file.isTest).map((file) => [file.path, file]));
  const violations: Violation[] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: SourceFile): void => {
    path.push(file.path);
    for (const imported of file.imports) {
      const next = imported.target === undefined ? undefined : byPath.get(imported.target);
      if (next === undefined || done.has(next.path)) continue;
      const start = path.indexOf(next.path);
      if (start >= 0) violations.push(cycle(file, imported, path.slice(start)));
      else visit(next);
    }
    path.pop();
    done.add(file.path);
  };
  for (const file of byPath.values()) if (!done.has(file.path)) visit(file);
  return violations;
}

function cycle(file: SourceFile, closing: Import, members: readonly string[]): Violation {
  return {
    file: file.path,
    line: closing.line,
    rule: "cycles",
    message: `closes an import cycle: ${[...members, members[0]].join(" -> ")}`,
  };
}
