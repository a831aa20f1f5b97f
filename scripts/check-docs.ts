import { fileURLToPath } from "node:url";
import { errorCodeFaults } from "./docs/error-codes.js";
import { brokenLinks } from "./docs/links.js";
import { publicNameFaults } from "./docs/public-names.js";
import { snippetsOf } from "./docs/snippets.js";
import { type Fault, typeCheck } from "./docs/type-check.js";

/**
 * Every place where the pages and examples are not true or not there: code that does not compile, links that lead nowhere, codes that are
 * not explained, public names without docstring or example.
 */
export function checkDocs(root: string): Fault[] {
  return [
    ...typeCheck(root, snippetsOf(root)),
    ...brokenLinks(root),
    ...errorCodeFaults(root),
    ...publicNameFaults(root),
  ];
}

/** A fault as compilers print theirs. */
export function formatFault({ file, line, message }: Fault): string {
  return `${file}:${line}  ${message}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const faults = checkDocs(fileURLToPath(new URL("..", import.meta.url)));
  for (const fault of faults) console.error(formatFault(fault));
  console.log(faults.length === 0 ? "docs: all examples compile" : `docs: ${faults.length} faults`);
  process.exitCode = faults.length === 0 ? 0 : 1;
}
