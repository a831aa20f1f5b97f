import { mkdirSync, realpathSync, symlinkSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { describe, expect, it } from "vitest";
import { tempDir } from "../../test/temp-dir.js";
import { realPathOf, systemOf } from "./path.js";

describe("the path of a file", () => {
  it("is the same by whatever way it is named, before and after the file is there", () => {
    const dir = realpathSync(tempDir());
    mkdirSync(join(dir, "real"));
    symlinkSync(join(dir, "real"), join(dir, "link"));
    const file = join(dir, "real", "app.db");
    const ways = [
      file,
      join(dir, "link", "app.db"),
      join(dir, "real", "..", "link", "app.db"),
      relative(process.cwd(), file),
    ];
    expect(ways.map(realPathOf)).toEqual(ways.map(() => file));
    writeFileSync(file, "");
    expect(ways.map(realPathOf)).toEqual(ways.map(() => file));
    expect(systemOf(file)).toBe(`sqlite:${file}`);
  });

  it("follows a link to a file that is not there yet, as SQLite does", () => {
    const dir = realpathSync(tempDir());
    symlinkSync("target.db", join(dir, "app.db"));
    expect(realPathOf(join(dir, "app.db"))).toBe(join(dir, "target.db"));
  });

  it("does not follow a link to itself for ever", () => {
    const dir = realpathSync(tempDir());
    symlinkSync("app.db", join(dir, "app.db"));
    expect(realPathOf(join(dir, "app.db"))).toBe(join(dir, "app.db"));
  });

  it.each([":memory:", "", "a\0b"])("refuses %j", (file) => {
    expect(() => realPathOf(file)).toThrow(/E_ARGUMENT/);
  });
});
