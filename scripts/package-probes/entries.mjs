// Imports every entry that the packages named on the command line publish, and requires it from CommonJS too.
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
let entries = 0;
for (const specifier of process.argv.slice(2)) {
  const names = Object.keys(await import(specifier));
  if (names.length === 0) throw new Error(`${specifier} exports nothing`);
  const required = Object.keys(require(specifier)).filter((name) => name !== "__esModule");
  if (required.length !== names.length) throw new Error(`${specifier} differs when it is required: ${required}`);
  entries++;
}
console.log(`${entries} entries`);
