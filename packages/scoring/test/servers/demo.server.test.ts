import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MongoClient } from "mongodb";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { serverNames } from "../../src/servers/server-connections.js";
import { DemoProcess } from "../demo-process.js";
import { dropNamespace, servers } from "./namespaces.js";

const TIMEOUT_MS = 600_000;

let data: string;
const children: DemoProcess[] = [];
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), "millrace-demo-"));
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  await dropNamespace(namespace());
  rmSync(data, { recursive: true, force: true, maxRetries: 5 });
});

function demoOn(...args: string[]): DemoProcess {
  const demo = new DemoProcess(...args, "--servers", "--citizens", "60", "--data", data);
  children.push(demo);
  return demo;
}

/** The run's own name on the servers. */
function namespace(): string {
  return String(JSON.parse(readFileSync(join(data, "demo.json"), "utf8")).namespace);
}

describe("npm run demo -- --servers", () => {
  it("once: all stores equal the oracle; a lost score is found, and the exit code says so", {
    timeout: TIMEOUT_MS,
  }, async () => {
    const demo = demoOn("--events", "600", "--once");
    expect(await demo.ended(), demo.output).toBe(0);
    expect(demo.lines.at(-1)).toMatch(/^EQUAL: [\d,]+ rows in (9|10) stores compared with .* 600 messages$/);

    const mongo = new MongoClient(servers.mongo.url);
    const citizens = mongo.db(serverNames(namespace()).database).collection("citizens");
    await citizens.updateOne({ "scoreSnapshot.version": { $gt: 1 } }, { $inc: { "scoreSnapshot.score": 1 } });
    await mongo.close();
    const again = demoOn("--once");
    expect(await again.ended()).toBe(1);
    expect(again.lines.at(-1)).toMatch(/^NOT EQUAL: 1 rows differ; /);
  });

  it("crash: killed with SIGKILL at least ten times, still equal", { timeout: TIMEOUT_MS }, async () => {
    const demo = demoOn("--events", "800", "--crash");
    expect(await demo.ended(), demo.output).toBe(0);
    const killed = demo.lines
      .map((line) => /^killed (\d+) times with SIGKILL/.exec(line)?.[1])
      .find((count) => count !== undefined);
    expect(Number(killed)).toBeGreaterThanOrEqual(10);
    expect(demo.lines.at(-1)).toMatch(/^EQUAL: /);
  });

  it("live: goes on after SIGKILL, drains at Ctrl-C, and is equal in the end", { timeout: TIMEOUT_MS }, async () => {
    const first = demoOn("--rate", "30");
    await first.said(/[1-9][\d,]* scored/);
    first.kill("SIGKILL");
    await first.ended();

    const second = demoOn("--rate", "30");
    await second.said(/^Resuming: /);
    await second.said(/[1-9][\d,]* scored/);
    second.kill("SIGINT");
    expect(await second.ended(), second.output).toBe(0);
    expect(second.output).toMatch(/nothing left to score/);

    const check = demoOn("--once");
    expect(await check.ended(), check.output).toBe(0);
    expect(check.lines.at(-1)).toMatch(/^EQUAL: /);
  });
});
