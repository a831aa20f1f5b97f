import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../../../testbed/dgraph-stand-in/main.ts", import.meta.url));

/** The stand-in as a process of its own, which can be killed: what it has acknowledged is in its file. Not Dgraph. */
export class StandInProcess {
  readonly #folder: string;
  #child: ChildProcess | undefined;
  #port = 0;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async start(): Promise<StandInProcess> {
    const one = new StandInProcess(await mkdtemp(join(tmpdir(), "millrace-dgraph-")));
    await one.start();
    return one;
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** Starts on the data and the port that it had. */
  async start(): Promise<void> {
    const child = spawn(process.execPath, ["--import", "tsx", MAIN, String(this.#port), this.#folder], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    this.#child = child;
    let text = "";
    while (!text.includes("\n")) {
      const [data] = await once(child.stdout as NodeJS.ReadableStream, "data");
      text += String(data);
    }
    this.#port = Number(/ready on 127\.0\.0\.1:(\d+)/.exec(text)?.[1]);
  }

  async kill(): Promise<void> {
    const over = once(this.#child as ChildProcess, "close");
    this.#child?.kill("SIGKILL");
    await over;
  }

  async killAndRestart(): Promise<void> {
    await this.kill();
    await this.start();
  }

  async remove(): Promise<void> {
    await this.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
