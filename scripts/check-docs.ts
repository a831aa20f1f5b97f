import { fileURLToPath } from "node:url";
import { errorCodeFaults } from "./docs/error-codes.js";
import { brokenLinks } from "./docs/links.js";
import { snippetsOf } from "./docs/snippets.js";
import { type Fault, typeCheck } from "./docs/type-check.js";

/** Every place where the pages and examples are not true: code that does not compile, links that lead nowhere, codes that are not explained. */
export function checkDocs(root: string): Fault[] {
  return [...typeCheck(root, snippetsOf(root)), ...brokenLinks(root), ...errorCodeFaults(root)];
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
