import { readFileSync } from "node:fs";
import { join } from "node:path";
import { filesOf } from "./repository-files.js";

/** A piece of TypeScript that stands in a text for people: what a reader would paste into a file of their own. */
export interface Snippet {
  /** The file it stands in, from the root of the repository. */
  readonly file: string;
  /** The line of the file its first line of code is on, from 1. */
  readonly line: number;
  /** The code, on the lines it has in the file: what is not code is an empty line. */
  readonly code: string;
}

const FENCE = /^\s*```(.*)$/;

/** The snippets of every page, and of every @example in the packages' sources. */
export function snippetsOf(root: string): Snippet[] {
  return filesOf(root).flatMap((file) => {
    if (isPage(file)) return snippetsOfPage(file, readFileSync(join(root, file), "utf8"));
    if (isSource(file)) return snippetsOfSource(file, readFileSync(join(root, file), "utf8"));
    return [];
  });
}

/** What readers are given to read. */
export function isPage(file: string): boolean {
  return file === "README.md" || /^docs\/.*\.md$/.test(file) || /^packages\/.*\/README\.md$/.test(file);
}

function isSource(file: string): boolean {
  return /^packages\/.*\/src\/.*\.ts$/.test(file) && !file.endsWith(".test.ts");
}

/** The `ts` fences of a page. One that says `ts continued` is read as the rest of the fence before it. */
export function snippetsOfPage(file: string, text: string): Snippet[] {
  return fences(file, text.split("\n"));
}

/** The `ts` fences of a source's comments that follow an `@example`. */
export function snippetsOfSource(file: string, text: string): Snippet[] {
  let inExample = false;
  const lines = text.split("\n").map((line) => {
    const comment = /^\s*\*(?!\/) ?(.*)$/.exec(line)?.[1];
    if (comment === undefined) inExample = false;
    else if (comment.startsWith("@")) inExample = comment.startsWith("@example");
    return inExample && comment !== undefined ? comment : "";
  });
  return fences(file, lines);
}

function fences(file: string, lines: readonly string[]): Snippet[] {
  const found: { file: string; line: number; code: string[] }[] = [];
  let open: { readonly code: string[] } | undefined;
  let other = false;
  for (const [i, line] of lines.entries()) {
    const info = FENCE.exec(line)?.[1]?.trim();
    if (info === undefined) {
      if (open !== undefined) open.code.push(line);
    } else if (open !== undefined || other) {
      open = undefined;
      other = false;
    } else if (info === "ts" || info === "ts continued") {
      const before = found.at(-1);
      if (info === "ts" || before === undefined) {
        open = { code: new Array<string>(i + 1).fill("") };
        found.push({ file, line: i + 2, code: open.code });
      } else {
        open = before;
        while (before.code.length < i + 1) before.code.push("");
      }
    } else {
      other = true;
    }
  }
  return found.map(({ code, ...place }) => ({ ...place, code: code.join("\n") }));
}
