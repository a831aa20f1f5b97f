import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** For server tests: a process of its own, which runs one of the programs that lie beside the test. */
export class Program {
  readonly child: ChildProcess;
  readonly ended: Promise<{ readonly code: number | null; readonly signal: string | null }>;
  output = "";

  constructor(test: string, name: string, args: readonly string[], node: readonly string[] = []) {
    const file = fileURLToPath(new URL(`programs/${name}.ts`, test));
    this.child = spawn(process.execPath, [...node, "--conditions=millrace-source", "--import", "tsx", file, ...args], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    const add = (data: Buffer): void => {
      this.output += data.toString();
    };
    this.child.stdout?.on("data", add);
    this.child.stderr?.on("data", add);
    this.ended = once(this.child, "close").then(([code, signal]) => ({ code, signal }));
  }

  /** Resolves once it has printed what matches, or has ended. */
  async printed(pattern: RegExp): Promise<boolean> {
    let over = false;
    void this.ended.then(() => {
      over = true;
    });
    while (!pattern.test(this.output) && !over)
      await Promise.race([once(this.child.stdout as NodeJS.ReadableStream, "data"), this.ended]);
    return pattern.test(this.output);
  }

  async kill(): Promise<void> {
    this.child.kill("SIGKILL");
    await this.ended;
  }
}
