import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DemoProcess } from "./demo-process.js";

const TIMEOUT_MS = 240_000;

let data: string;
const children: DemoProcess[] = [];
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), "millrace-demo-"));
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  rmSync(data, { recursive: true, force: true, maxRetries: 5 });
});

/** The demo on the test's directory. */
function demoOn(...args: string[]): DemoProcess {
  const demo = new DemoProcess(...args, "--data", data);
  children.push(demo);
  return demo;
}

describe("npm run demo", () => {
  it("once: all stores equal the oracle, and exit code 0 says so; a lost row is found, and exit code 1 says so", {
    timeout: TIMEOUT_MS,
  }, async () => {
    const demo = demoOn("--events", "3000", "--once", "--citizens", "100");
    expect(await demo.ended(), demo.output).toBe(0);
    expect(demo.lines.at(-1)).toMatch(
      /^EQUAL: [\d,]+ rows in 9 stores compared with the oracle's reading of 3,000 messages$/,
    );
    expect(demo.lines[0]).toMatch(/SIMULATION/);

    const facts = new Database(join(data, "facts.db"));
    facts.exec("DELETE FROM score_change_history WHERE rowid = (SELECT max(rowid) FROM score_change_history)");
    facts.close();
    const again = demoOn("--once");
    expect(await again.ended()).toBe(1);
    expect(again.lines.at(-1)).toMatch(/^NOT EQUAL: 1 rows differ; /);
  });

  it("crash: killed with SIGKILL at least ten times, still equal", { timeout: TIMEOUT_MS }, async () => {
    const demo = demoOn("--events", "6000", "--crash", "--citizens", "100");
    expect(await demo.ended(), demo.output).toBe(0);
    const killed = demo.lines
      .map((line) => /^killed (\d+) times with SIGKILL/.exec(line)?.[1])
      .find((count) => count !== undefined);
    expect(Number(killed)).toBeGreaterThanOrEqual(10);
    expect(demo.lines.at(-1)).toMatch(/^EQUAL: /);
  });

  it("live: refuses a second one, survives it, is not blocked after SIGKILL, drains at Ctrl-C, and is equal in the end", {
    timeout: TIMEOUT_MS,
  }, async () => {
    const first = demoOn("--rate", "400", "--citizens", "100");
    await first.said(/events\/s · lag/);
    const second = demoOn("--citizens", "100");
    expect(await second.ended()).toBe(1);
    expect(second.errors.at(-1)).toMatch(/^E_LEASE_HELD: .*process \d+/);
    const shown = first.lines.length;
    await first.said(/[1-9][\d,]* scored/);
    expect(first.lines.length).toBeGreaterThanOrEqual(shown);
    first.kill("SIGKILL");
    await first.ended();

    const third = demoOn("--rate", "400", "--citizens", "100");
    await third.said(/^Resuming: /);
    await third.said(/[1-9][\d,]* scored/);
    third.kill("SIGINT");
    expect(await third.ended(), third.output).toBe(0);
    expect(third.lines.at(-2)).toMatch(/nothing left to score/);
    expect(third.lines.at(-1)).toContain(data);

    const check = demoOn("--once");
    expect(await check.ended(), check.output).toBe(0);
    expect(check.lines.at(-1)).toMatch(/^EQUAL: /);
  });

  it("says what is wrong with its words, with exit code 2", { timeout: TIMEOUT_MS }, async () => {
    const demo = demoOn("--evnts", "5");
    expect(await demo.ended()).toBe(2);
    expect(demo.output).toMatch(/--evnts[\s\S]*--help/);
  });
});
