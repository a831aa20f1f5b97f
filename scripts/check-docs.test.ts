import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import { checkDocs, formatFault } from "./check-docs.js";
import { codesOfPage, codesOfSource, ERRORS_PAGE, errorCodeFaults } from "./docs/error-codes.js";
import { brokenLinks } from "./docs/links.js";
import { publicNameFaults } from "./docs/public-names.js";
import { snippetsOfPage, snippetsOfSource } from "./docs/snippets.js";
import { typeCheck } from "./docs/type-check.js";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

it("the pages and examples of this repository are true", { timeout: 240_000 }, () => {
  expect(checkDocs(ROOT).map(formatFault)).toEqual([]);
});

describe("snippets", () => {
  it("of a page are its ts fences, each with its line", () => {
    const page = "# a\n```ts\nconst a = 1;\n```\n```sh\nls\n```\n```ts\nconst b = 2;\n```\n";
    expect(snippetsOfPage("a.md", page)).toEqual([
      { file: "a.md", line: 3, code: "\n\nconst a = 1;" },
      { file: "a.md", line: 9, code: "\n\n\n\n\n\n\n\nconst b = 2;" },
    ]);
  });

  it("that are continued are one module", () => {
    const page = "```ts\nconst a = 1;\n```\ntext\n```ts continued\nconst b = a;\n```\n";
    expect(snippetsOfPage("a.md", page)).toEqual([
      { file: "a.md", line: 2, code: "\nconst a = 1;\n\n\n\nconst b = a;" },
    ]);
  });

  it("of a source are the fences of its @examples, not of other tags and texts", () => {
    const source = [
      "/**",
      " * Does it.",
      " * ```ts",
      " * no example;",
      " * ```",
      " * @example",
      " * ```ts",
      " * const a = 1;",
      " * ```",
      " * @module",
      " */",
      "export const x = `",
      "```ts`;",
    ].join("\n");
    expect(snippetsOfSource("a.ts", source)).toEqual([
      { file: "a.ts", line: 8, code: `${"\n".repeat(7)}const a = 1;` },
    ]);
  });
});

const made: string[] = [];
afterEach(() => {
  for (const dir of made.splice(0)) rmSync(dir, { recursive: true });
});

function repository(files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(tmpdir(), "docs-"));
  made.push(root);
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  return root;
}

it("a snippet that does not compile is told at its line of the page", { timeout: 60_000 }, () => {
  const snippets = snippetsOfPage(
    "README.md",
    "text\n\n```ts\nconst unused = 1;\nconst wrong: string = 2;\nawait Promise.resolve();\n```\n",
  );
  expect(typeCheck(ROOT, snippets)).toEqual([
    { file: "README.md", line: 5, message: "Type 'number' is not assignable to type 'string'." },
  ]);
});

it("links must lead to files and headings that are there", () => {
  const root = repository({
    "README.md": "[a](docs/a.md) [b](docs/b.md) [c](docs/a.md#one-two) [d](docs/a.md#three) [e](https://example.org)",
    "docs/a.md": "## One: two\n",
  });
  expect(brokenLinks(root).map(formatFault)).toEqual([
    "README.md:1  links to docs/b.md, which is not there",
    'README.md:1  links to the heading "three" of docs/a.md, which has none',
  ]);
});

it("codes of sources and of the page", () => {
  const open = "E_MONGO_$" + "{code}";
  const source = ` * "E_IN_COMMENT"\nthrow new StreamError("E_NAME", x);\nnew WriteError("fatal", \`${open}\`); // \`E_OTHER\`, "E_"`;
  expect(codesOfSource(source)).toEqual(["E_NAME", "E_MONGO_…"]);
  expect(codesOfPage("| `E_A_B` | what |\n| `E_C`, `E_D_…` | see `E_X` |\n`E_Y`")).toEqual(["E_A_B", "E_C", "E_D_…"]);
});

it("a code is explained in the guide or by the connector that throws it, not by another one", () => {
  const thrown = (...codes: string[]): string =>
    codes.map((code) => `throw new StreamError("${code}", "");`).join("\n");
  const root = repository({
    [ERRORS_PAGE]: "| `E_OF_ALL` | what |\n| `E_NOBODY` | what |\n",
    "packages/core/src/a.ts": thrown("E_OF_ALL"),
    "packages/connectors/one/src/a.ts": thrown("E_OF_ALL", "E_OF_ONE"),
    "packages/connectors/one/README.md": "| `E_OF_ONE` | what |\n",
    "packages/connectors/two/src/a.ts": thrown("E_OF_ONE", "E_OF_TWO"),
    "packages/connectors/two/README.md": "`E_OF_TWO` stands in no table\n",
  });
  expect(errorCodeFaults(root).map(({ message }) => message)).toEqual([
    "has no row for E_OF_ONE of packages/connectors/two/src/a.ts",
    "has no row for E_OF_TWO of packages/connectors/two/src/a.ts",
    "explains E_NOBODY, which nothing throws",
  ]);
});

describe("public names", () => {
  const faultsOf = (index: string, names: string): string[] =>
    publicNameFaults(
      repository({
        "packages/a/package.json": JSON.stringify({ exports: { ".": { "millrace-source": "./src/index.ts" } } }),
        "packages/a/src/index.ts": index,
        "packages/a/src/names.ts": names,
      }),
    ).map(formatFault);

  it("need a docstring", () => {
    const names =
      "export interface Bare {}\n/** @internal */\nexport function tagged(): void {}\nexport const inner = 1;\n";
    expect(faultsOf('export { type Bare, tagged as other } from "./names.js";', names)).toEqual([
      "packages/a/src/names.ts:1  Bare is public, and has no docstring",
      "packages/a/src/names.ts:3  other is public, and has no docstring",
    ]);
  });

  it("that are functions, classes or constants need an example", () => {
    const names = [
      "/** Does. */\nexport function does(): void {}",
      "/** Is one. */\nexport class One {}",
      "/** Is given. */\nexport class Given {}",
      "/** Is fixed. */\nexport const FIXED = 1;",
      "/** Is a type. */\nexport type Shape = 1;",
      "/**\n * Is shown.\n *\n * @example\n * ```ts\n * shown();\n * ```\n */\nexport function shown(): void {}",
    ].join("\n");
    const index =
      'export type { Given, Shape } from "./names.js";\nexport { does, FIXED, One, shown } from "./names.js";';
    expect(faultsOf(index, names)).toEqual([
      "packages/a/src/names.ts:2  does is public, and its docstring has no @example",
      "packages/a/src/names.ts:8  FIXED is public, and its docstring has no @example",
      "packages/a/src/names.ts:4  One is public, and its docstring has no @example",
    ]);
  });

  it("are found where they are passed on from, and must be somewhere", () => {
    const names = "export interface Bare {}\nexport { gone };\n";
    const index =
      'import { Bare } from "./names.js";\nexport type { Bare };\nexport { gone } from "./names.js";\nexport { it } from "vitest";';
    expect(faultsOf(index, names)).toEqual([
      "packages/a/src/names.ts:1  Bare is public, and has no docstring",
      "packages/a/src/index.ts:1  gone is public, and is declared nowhere in this package",
    ]);
  });
});
