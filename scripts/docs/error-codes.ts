import { readFileSync } from "node:fs";
import { join } from "node:path";
import { filesOf } from "./repository-files.js";
import type { Fault } from "./type-check.js";

export const ERRORS_PAGE = "docs/guide/errors-and-dead-letters.md";

/** Codes that a source can throw: those outside of comments. A code with a part filled in later ends in an ellipsis. */
export function codesOfSource(source: string): string[] {
  const text = source
    .split("\n")
    .filter((line) => !/^\s*(\*|\/\/|\/\*)/.test(line))
    .join("\n");
  const whole = [...text.matchAll(/"(E_[A-Z][A-Z_]*[A-Z])"/g)].map(([, code = ""]) => code);
  const open = [...text.matchAll(/`(E_[A-Z]+_)\$\{[^`]*`/g)].map(([, prefix = ""]) => `${prefix}…`);
  return [...new Set([...whole, ...open])];
}

/** The codes a page explains: those that begin a row of its tables. */
export function codesOfPage(text: string): string[] {
  return text
    .split("\n")
    .filter((line) => line.startsWith("| `E_"))
    .flatMap((line) => [...(line.split("|")[1] ?? "").matchAll(/`(E_[^`]+)`/g)].map(([, code = ""]) => code));
}

/**
 * Codes that are thrown and explained neither on the page nor in a table of their own connector's README, and codes that the page explains
 * and nothing throws.
 */
export function errorCodeFaults(root: string): Fault[] {
  const files = filesOf(root);
  const codesIn = (file: string): string[] => codesOfPage(readFileSync(join(root, file), "utf8"));
  const thrown = files
    .filter(throwsCodes)
    .flatMap((file) => codesOfSource(readFileSync(join(root, file), "utf8")).map((code) => ({ code, file })));
  const explained = codesIn(ERRORS_PAGE);
  const ofConnectors = new Map(
    files
      .filter((file) => /^packages\/connectors\/[a-z]+\/README\.md$/.test(file))
      .map((file) => [file, codesIn(file)]),
  );
  const isExplained = (code: string, file: string): boolean =>
    explained.includes(code) || ofConnectors.get(file.replace(/\/src\/.*$/, "/README.md"))?.includes(code) === true;
  const missing = new Map(thrown.filter(({ code, file }) => !isExplained(code, file)).map((each) => [each.code, each]));
  return [
    ...[...missing.values()].map(({ code, file }) => ({
      file: ERRORS_PAGE,
      line: 1,
      message: `has no row for ${code} of ${file}`,
    })),
    ...explained
      .filter((code) => !thrown.some((each) => each.code === code))
      .map((code) => ({ file: ERRORS_PAGE, line: 1, message: `explains ${code}, which nothing throws` })),
    ...explained
      .filter((code, i) => explained.indexOf(code) !== i)
      .map((code) => ({ file: ERRORS_PAGE, line: 1, message: `explains ${code} twice` })),
  ];
}

function throwsCodes(file: string): boolean {
  if (file.endsWith(".test.ts") || file.includes("/testing/")) return false;
  return /^packages\/(core|connectors\/[a-z]+)\/src\/.*\.ts$/.test(file);
}
