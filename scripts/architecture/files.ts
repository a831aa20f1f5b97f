import { basename } from "node:path";
import type { Repository, SourceFile } from "./repository.js";
import type { Violation } from "./violation.js";

const MAX_EXAMPLE_LINES = 60;
/** "About 300"; what is longer is two ideas. */
const MAX_SOURCE_LINES = 350;
/** The page that teaches the library, and a line of code for each of its methods: as long as the surface is wide. */
const LONG_ON_PURPOSE = new Set([
  "packages/core/src/stream.ts",
  "packages/core/src/stream-builder.ts",
  "packages/core/src/connector.ts",
]);
const EMPTY_NAMES = /^(utils?|helpers?|common|types|misc|manager)\.ts$/;

export function checkFiles({ packages }: Repository): Violation[] {
  const files = packages.flatMap((each) => each.files);
  const paths = new Set(files.map(({ path }) => path));
  return files.flatMap((file) => [
    ...checkExample(file),
    ...checkSize(file),
    ...checkName(file),
    ...checkOperator(file, paths),
  ]);
}

function checkExample({ path, lines, isTest }: SourceFile): Violation[] {
  if (!path.startsWith("examples/") || isTest || lines <= MAX_EXAMPLE_LINES) return [];
  const message = `an example has at most ${MAX_EXAMPLE_LINES} lines, this has ${lines}`;
  return [{ file: path, line: MAX_EXAMPLE_LINES + 1, rule: "examples", message }];
}

function checkSize({ path, lines, isTest }: SourceFile): Violation[] {
  if (isTest || lines <= MAX_SOURCE_LINES || LONG_ON_PURPOSE.has(path)) return [];
  const message = `has ${lines} lines, the limit is ${MAX_SOURCE_LINES}: split it by idea`;
  return [{ file: path, line: MAX_SOURCE_LINES + 1, rule: "size", message }];
}

function checkName({ path }: SourceFile): Violation[] {
  if (!EMPTY_NAMES.test(basename(path))) return [];
  return [{ file: path, line: 1, rule: "names", message: "says nothing: name the file after the one idea in it" }];
}

function checkOperator({ path, isTest }: SourceFile, paths: ReadonlySet<string>): Violation[] {
  if (isTest || !path.startsWith("packages/core/src/operators/")) return [];
  const test = path.replace(/\.ts$/, ".test.ts");
  if (paths.has(test)) return [];
  return [{ file: path, line: 1, rule: "operator-test", message: `has no test beside it (${basename(test)})` }];
}
