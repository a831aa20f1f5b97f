// Imports every entry that the packages named on the command line publish. CommonJS programs can require the main entries; the
// testing entry awaits the test runner at its top.
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
let entries = 0;
for (const specifier of process.argv.slice(2)) {
  const names = Object.keys(await import(specifier));
  if (names.length === 0) throw new Error(`${specifier} exports nothing`);
  entries++;
  if (specifier.endsWith("/testing")) continue;
  const required = Object.keys(require(specifier)).filter((name) => name !== "__esModule");
  if (required.length !== names.length) throw new Error(`${specifier} differs when it is required: ${required}`);
}
console.log(`${entries} entries`);
