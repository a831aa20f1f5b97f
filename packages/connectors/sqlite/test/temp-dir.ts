import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach } from "vitest";

/** A directory for one test, removed after it. */
export function tempDir(): string {
  const dir = mkdtempSync(join(tmpdir(), "millrace-sqlite-"));
  used.push(dir);
  return dir;
}

const used: string[] = [];
afterEach(() => {
  for (const dir of used.splice(0)) rmSync(dir, { recursive: true, force: true });
});
