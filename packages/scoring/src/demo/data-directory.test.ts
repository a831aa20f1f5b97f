import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DataDirectory } from "./data-directory.js";
import { type DemoOptions, parseDemoOptions } from "./demo-options.js";

let directory: string;
beforeEach(() => {
  directory = join(mkdtempSync(join(tmpdir(), "millrace-demo-")), "data");
});
afterEach(() => {
  rmSync(join(directory, ".."), { recursive: true });
});

function options(...args: string[]): DemoOptions {
  return parseDemoOptions([...args, "--data", directory]) as DemoOptions;
}

async function opened(...args: string[]): Promise<DataDirectory> {
  return DataDirectory.open(options(...args));
}

describe("DataDirectory", () => {
  it("remembers what it was made for, and what was changed since", async () => {
    const first = await opened("--seed", "5");
    first.update({ legs: 3, reachedAt: 77 });
    await first.release();
    const second = await opened("--seed", "5");
    expect(second.manifest).toMatchObject({ kind: "live", seed: 5, legs: 3, reachedAt: 77, completed: false });
    await second.release();
  });

  it("is refused while another holds it, and free again when that one lets go", async () => {
    const first = await opened();
    await expect(opened()).rejects.toMatchObject({ code: "E_LEASE_HELD" });
    await first.release();
    await (await opened()).release();
  });

  it("is refused for another purpose, in words", async () => {
    await (await opened("--events", "500")).release();
    await expect(opened("--events", "600")).rejects.toThrow(
      /holds another run: events 500 \(wanted: 600\). Give another --data, or delete it/,
    );
    await expect(opened()).rejects.toThrow(/kind bounded \(wanted: live\)/);
    await expect(opened("--events", "500", "--seed", "2")).rejects.toThrow(/seed 1 \(wanted: 2\)/);
    await (await opened("--once")).release();
  });

  it("has a name of its own on servers, another one when it starts over, and keeps files and servers apart", async () => {
    const first = await opened("--servers", "--events", "500");
    const { namespace } = first.manifest;
    expect(namespace).toMatch(/^demo_[0-9a-f]{10}$/);
    await first.release();
    const goingOn = await opened("--servers", "--events", "500");
    expect(goingOn.manifest.namespace).toBe(namespace);
    goingOn.update({ completed: true });
    await goingOn.release();
    await expect(opened("--events", "500")).rejects.toThrow(/holds a run on servers \(wanted: in files\)/);
    const over = await opened("--servers", "--events", "500");
    expect(over.manifest.namespace).not.toBe(namespace);
    await over.release();
  });

  it("never touches a directory with files of others", async () => {
    const parent = join(directory, "..");
    writeFileSync(join(parent, "thesis.txt"), "years of work");
    const given = parseDemoOptions(["--data", parent]) as DemoOptions;
    await expect(DataDirectory.open(given)).rejects.toThrow(/holds files that are not the demo's \(thesis.txt\)/);
    expect(existsSync(join(parent, "guard.db"))).toBe(false);
  });

  it("starts over when the run before was completed, goes on when it was not", async () => {
    const first = await opened("--events", "500");
    writeFileSync(join(directory, "facts.db"), "old");
    await first.release();
    const goingOn = await opened("--events", "500");
    expect(existsSync(join(directory, "facts.db"))).toBe(true);
    goingOn.update({ completed: true });
    await goingOn.release();
    const over = await opened("--events", "500");
    expect(existsSync(join(directory, "facts.db"))).toBe(false);
    expect(over.manifest.completed).toBe(false);
    await over.release();
  });

  it("starts a crash run over each time", async () => {
    await (await opened("--crash", "--events", "500")).release();
    writeFileSync(join(directory, "scores.db-wal"), "old");
    await (await opened("--crash", "--events", "500")).release();
    expect(existsSync(join(directory, "scores.db-wal"))).toBe(false);
  });
});
