import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Plugin } from "vitest/config";
import { MUTANTS, type Mutant } from "./mutants.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** The variable whose value names the mutant that a test run is to have. */
export const MUTANT_VARIABLE = "MILLRACE_MUTANT";

/** The mutant of this name; throws where there is none. */
export function mutantCalled(name: string): Mutant {
  const mutant = MUTANTS.find((each) => each.name === name);
  if (mutant === undefined)
    throw new Error(`there is no mutant "${name}"; there are ${MUTANTS.map((each) => each.name).join(", ")}`);
  return mutant;
}

/** The code with the fault in it. Throws where the place of the fault is not there exactly once. */
export function plant({ name, file, search, replace }: Mutant, code: string): string {
  const parts = code.split(search);
  if (parts.length !== 2)
    throw new Error(
      `mutant "${name}": ${file} has its place ${parts.length - 1} times and must have it once. Was the code changed? Then change scripts/mutants/mutants.ts`,
    );
  return parts.join(replace);
}

/** The code of a mutant's file as it is in the repository. */
export function soundCode({ file }: Mutant): string {
  return readFileSync(join(ROOT, file), "utf8");
}

/** Plants a mutant while vitest loads the sources: what is shipped never has a flag for it. */
export function planted(name: string): Plugin {
  const mutant = mutantCalled(name);
  const path = join(ROOT, mutant.file);
  return {
    name: "millrace-mutant",
    enforce: "pre",
    transform: (code, id) => (id.replace(/\?.*$/, "") === path ? plant(mutant, code) : undefined),
  };
}
