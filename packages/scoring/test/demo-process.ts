import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../src/demo/main.ts", import.meta.url));

/** The demo as a process, as a user starts it. */
export class DemoProcess {
  readonly lines: string[] = [];
  /** What it said is wrong: a stream of its own, since between two pipes there is no order. */
  readonly errors: string[] = [];
  readonly #process: ChildProcess;
  readonly #waiting = new Set<() => void>();

  constructor(...args: string[]) {
    this.#process = spawn(process.execPath, ["--conditions=millrace-source", "--import", "tsx", MAIN, ...args], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    createInterface({ input: this.#process.stdout as NodeJS.ReadableStream }).on("line", (line) => {
      this.lines.push(line);
      for (const look of this.#waiting) look();
    });
    createInterface({ input: this.#process.stderr as NodeJS.ReadableStream }).on("line", (line) =>
      this.errors.push(line),
    );
  }

  get output(): string {
    return [...this.lines, ...this.errors].join("\n");
  }

  /** Resolves when a line like this was written. */
  said(pattern: RegExp): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!this.lines.some((line) => pattern.test(line))) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      look();
    });
  }

  /** The exit code, after all output. */
  async ended(): Promise<number | null> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) await once(this.#process, "close");
    return this.#process.exitCode;
  }

  kill(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }
}
