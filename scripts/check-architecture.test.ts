import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "vitest";
import { formatViolation } from "./architecture/violation.js";
import { checkArchitecture } from "./check-architecture.js";

test("this repository keeps its architecture", () => {
  expect(checkArchitecture(fileURLToPath(new URL("..", import.meta.url))).map(formatViolation)).toEqual([]);
});

const made: string[] = [];
afterEach(() => {
  for (const dir of made.splice(0)) rmSync(dir, { recursive: true });
});

const ROOT = { name: "root", version: "1.0.0", workspaces: ["packages/core", "packages/connectors/*", "examples"] };
const CORE = { name: "@millrace/core", version: "1.0.0", exports: { ".": "x", "./testing": "x" } };
const SQLITE = { name: "@millrace/sqlite", version: "1.0.0", dependencies: { "@millrace/core": "1.0.0" } };
const EXAMPLES = { name: "@millrace/examples", version: "1.0.0", dependencies: { "@millrace/core": "1.0.0" } };

/** A small repository that keeps every rule, with `planted` laid over it; gives the violations as the user reads them. */
function check(planted: Readonly<Record<string, string | object>>): string[] {
  const root = mkdtempSync(join(tmpdir(), "architecture-"));
  made.push(root);
  const files = {
    "package.json": ROOT,
    "packages/core/package.json": CORE,
    "packages/core/src/index.ts": 'export { map } from "./operators/map.js";\n',
    "packages/core/src/stage.ts": "export const stage = 1;\n",
    "packages/core/src/operators/map.ts": 'import { stage } from "../stage.js";\nexport const map: number = stage;\n',
    "packages/core/src/operators/map.test.ts": 'import "../testing/index.js";\nimport "./map.js";\n',
    "packages/core/src/testing/index.ts": 'export { map } from "../index.js";\n',
    "packages/connectors/sqlite/package.json": SQLITE,
    "packages/connectors/sqlite/src/index.ts": 'export { map } from "@millrace/core";\n',
    "examples/package.json": EXAMPLES,
    "examples/01-map.ts": 'import "node:fs";\nimport "@millrace/core/testing";\n',
    ...planted,
  };
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), typeof content === "string" ? content : JSON.stringify(content));
  }
  return checkArchitecture(root).map(formatViolation);
}

test("a repository that keeps the rules has no violation", () => {
  expect(check({})).toEqual([]);
});

describe("layers", () => {
  test("the runtime must not know an operator", () => {
    expect(check({ "packages/core/src/runtime/run.ts": '\nimport { map } from "../operators/map.js";\n' })).toEqual([
      expect.stringMatching(
        /^packages\/core\/src\/runtime\/run\.ts:2 {2}\[layers\] "runtime" \(runtime\/\) must not import "operators" .*operators\/map\.ts/,
      ),
    ]);
  });

  test.each([
    ["packages/core/src/duration.ts", "./time/clock.js"],
    ["packages/core/src/time/clock.ts", "../windows/tumbling.js"],
    ["packages/core/src/windows/tumbling.ts", "../runtime/run.js"],
    ["packages/core/src/io/file-source.ts", "../index.js"],
    ["packages/core/src/stream-keyed.ts", "./testing/index.js"],
  ])("%s must not import %s", (path, specifier) => {
    const target = join(dirname(path), specifier).replace(/\.js$/, ".ts");
    const planted = { [target]: "export {};\n", [path]: `import type {} from "${specifier}";\n` };
    expect(check(planted)).toContainEqual(expect.stringContaining(`${path}:1  [layers]`));
  });

  test("a file that no layer names is reported", () => {
    expect(check({ "packages/core/src/extras.ts": "export {};\n" })).toEqual([
      expect.stringContaining("packages/core/src/extras.ts:1  [layers] belongs to no layer"),
    ]);
  });
});

describe("cycles", () => {
  test("type-only imports close a cycle too", () => {
    const found = check({
      "packages/core/src/time/clock.ts": 'import type { Timers } from "./timers.js";\n',
      "packages/core/src/time/timers.ts": 'import "./heap.js";\n',
      "packages/core/src/time/heap.ts": '// why\nexport * from "./clock.js";\n',
    });
    expect(found).toEqual([
      "packages/core/src/time/heap.ts:2  [cycles] closes an import cycle: packages/core/src/time/clock.ts -> " +
        "packages/core/src/time/timers.ts -> packages/core/src/time/heap.ts -> packages/core/src/time/clock.ts",
    ]);
  });

  test("an import() and an import() type count as imports", () => {
    const found = check({
      "packages/core/src/time/clock.ts": 'export type Timers = import("./timers.js").Timers;\n',
      "packages/core/src/time/timers.ts": 'export const clock = (): unknown => import("./clock.js");\n',
    });
    expect(found).toEqual([expect.stringContaining("[cycles]")]);
  });
});

describe("packages", () => {
  test.each([
    ["a deep import", "@millrace/core/src/stage.js", "is no public entry of @millrace/core (., ./testing)"],
    ["a package we do not have", "@millrace/cor", "is not a package of this repository"],
    ["an undeclared dependency", "kafkajs/src/index.js", '"kafkajs" is not declared in packages/connectors/sqlite'],
    ["a path into another package", "../../../core/src/index.js", "leaves packages/connectors/sqlite"],
  ])("%s", (_what, specifier, message) => {
    const file = "packages/connectors/sqlite/src/topic.ts";
    expect(check({ [file]: `import {} from "${specifier}";\n` })).toEqual([expect.stringContaining(message)]);
  });

  test("a testing folder that is no entry may use what tests may", () => {
    const root = { "package.json": { ...ROOT, devDependencies: { vitest: "4" } } };
    const suite = 'import "vitest";\n';
    expect(check({ ...root, "packages/connectors/sqlite/src/testing/suite.ts": suite })).toEqual([]);
    expect(check({ ...root, "packages/core/src/testing/suite.ts": suite })).toEqual([
      'packages/core/src/testing/suite.ts:1  [packages] "vitest" is not declared in packages/core/package.json',
    ]);
  });

  test("tests, and only they, may use the testbed", () => {
    const server = { "testbed/stand-in/index.ts": "export {};\n" };
    const use = (depth: string): string => `import "${depth}testbed/stand-in/index.js";\n`;
    expect(check({ ...server, "packages/connectors/sqlite/test/a.test.ts": use("../../../../") })).toEqual([]);
    expect(check({ ...server, "packages/connectors/sqlite/src/a.ts": use("../../../../") })).toEqual([
      expect.stringContaining("leaves packages/connectors/sqlite"),
    ]);
  });

  test("a connector must not know another connector, nor core anything of ours", () => {
    const found = check({
      "packages/connectors/mongo/package.json": { ...SQLITE, name: "@millrace/mongo", exports: { ".": "x" } },
      "packages/connectors/mongo/src/index.ts": "export {};\n",
      "packages/connectors/sqlite/src/topic.ts": 'import "@millrace/mongo";\n',
      "packages/core/src/from.ts": 'import "@millrace/mongo";\nimport "@millrace/core";\n',
    });
    expect(found).toEqual([
      expect.stringContaining("src/from.ts:1  [packages] @millrace/core must not know @millrace/mongo"),
      expect.stringContaining("src/from.ts:2  [packages] @millrace/core must not import itself by name"),
      expect.stringContaining("topic.ts:1  [packages] @millrace/sqlite must not know @millrace/mongo"),
    ]);
  });

  test("core installs nothing; an optional peer is allowed", () => {
    expect(
      check({
        "packages/core/package.json": {
          ...CORE,
          peerDependencies: { vitest: "4" },
          peerDependenciesMeta: { vitest: { optional: true } },
        },
      }),
    ).toEqual([]);
    expect(check({ "packages/core/package.json": { ...CORE, dependencies: { "p-limit": "6" } } })).toEqual([
      "packages/core/package.json:1  [core-dependencies] must install nothing, but asks for p-limit",
    ]);
  });

  test("all packages have one version and ask for each other at it", () => {
    const manifest = { ...SQLITE, version: "1.0.1", dependencies: { "@millrace/core": "^1.0.0" } };
    expect(check({ "packages/connectors/sqlite/package.json": manifest })).toEqual([
      "packages/connectors/sqlite/package.json:1  [one-version] has version 1.0.1, the repository 1.0.0",
      "packages/connectors/sqlite/package.json:1  [one-version] asks for @millrace/core@^1.0.0, not 1.0.0",
    ]);
  });
});

describe("files", () => {
  test("an example has at most 60 lines", () => {
    expect(check({ "examples/02-long.ts": "\n".repeat(60) })).toEqual([]);
    expect(check({ "examples/02-long.ts": "\n".repeat(61) })).toEqual([
      "examples/02-long.ts:61  [examples] an example has at most 60 lines, this has 61",
    ]);
  });

  test("an operator has a test beside it", () => {
    expect(check({ "packages/core/src/operators/filter.ts": "export {};\n" })).toEqual([
      "packages/core/src/operators/filter.ts:1  [operator-test] has no test beside it (filter.test.ts)",
    ]);
  });

  test("a file is short and its name says what is in it; only the surface may be long", () => {
    const long = "\n".repeat(351);
    expect(
      check({
        "packages/core/src/stream.ts": long,
        "packages/core/src/time/timers.ts": long,
        "packages/core/src/time/utils.ts": "",
      }),
    ).toEqual([
      "packages/core/src/time/timers.ts:351  [size] has 351 lines, the limit is 350: split it by idea",
      "packages/core/src/time/utils.ts:1  [names] says nothing: name the file after the one idea in it",
    ]);
  });
});
