import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { filesOf } from "./repository-files.js";
import { isPage } from "./snippets.js";
import type { Fault } from "./type-check.js";

const LINK = /\]\(([^)\s]+)\)/g;

/** Links of pages to files and headings that are not there. */
export function brokenLinks(root: string): Fault[] {
  return filesOf(root)
    .filter(isPage)
    .flatMap((file) => {
      const lines = readFileSync(join(root, file), "utf8").split("\n");
      return lines.flatMap((text, i) =>
        [...text.matchAll(LINK)].flatMap(([, target = ""]) => {
          const problem = problemOf(root, file, target);
          return problem === undefined ? [] : [{ file, line: i + 1, message: problem }];
        }),
      );
    });
}

function problemOf(root: string, file: string, target: string): string | undefined {
  if (/^[a-z]+:/.test(target)) return undefined;
  const [path = "", anchor] = target.split("#");
  const page = path === "" ? file : join(dirname(file), path);
  if (!existsSync(join(root, page))) return `links to ${page}, which is not there`;
  if (anchor === undefined || !page.endsWith(".md")) return undefined;
  const headings = [...readFileSync(join(root, page), "utf8").matchAll(/^#+ (.*)$/gm)].map(([, text = ""]) =>
    slug(text),
  );
  return headings.includes(anchor) ? undefined : `links to the heading "${anchor}" of ${page}, which has none`;
}

/** What a heading is called in a link. */
function slug(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, "")
    .replaceAll(" ", "-");
}
