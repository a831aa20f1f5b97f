import { fileURLToPath } from "node:url";
import { checkCycles } from "./architecture/cycles.js";
import { checkFiles } from "./architecture/files.js";
import { checkLayers } from "./architecture/layers.js";
import { checkManifests, checkPackageImports } from "./architecture/packages.js";
import { readRepository } from "./architecture/repository.js";
import { formatViolation, type Violation } from "./architecture/violation.js";

/** Every place where the repository leaves the architecture of DESIGN §2. */
export function checkArchitecture(root: string): Violation[] {
  const repository = readRepository(root);
  const files = repository.packages.flatMap((each) => each.files);
  return [
    ...checkLayers(files),
    ...checkCycles(files),
    ...checkPackageImports(repository),
    ...checkManifests(repository),
    ...checkFiles(repository),
  ];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const violations = checkArchitecture(fileURLToPath(new URL("..", import.meta.url)));
  for (const violation of violations) console.error(formatViolation(violation));
  console.log(violations.length === 0 ? "architecture: holds" : `architecture: ${violations.length} violations`);
  process.exitCode = violations.length === 0 ? 0 : 1;
}
