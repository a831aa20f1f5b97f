import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { ScoreLog } from "./bounded.js";
import type { ChildReport } from "./crash-child.js";
import type { DataDirectory } from "./data-directory.js";
import { killWithin, type Moment, randomKills } from "./kill-plan.js";
import { grouped, type Screen } from "./screen.js";

const MAX_FAILED_STARTS = 3;

const CHILD = fileURLToPath(new URL("./crash-child.ts", import.meta.url));

/** Scores in a child process that is killed with SIGKILL at random moments, at least ten times, and started again each time. */
export function scoreWithCrashes(screen: Screen): ScoreLog {
  return async (directory, total, progress, signal) => {
    const moments = randomKills(total, Math.random);
    let kills = 0;
    let resumed = 0;
    let failedStarts = 0;
    while (!signal.aborted) {
      const life = new Life(
        directory,
        moments[kills],
        (done) => progress(Math.min(done, total), `${kills} kills`),
        signal,
      );
      const end = await life.ended;
      if (life.doneBefore > 0) resumed++;
      if (end === "killed") {
        kills++;
        failedStarts = 0;
      } else if (end !== "completed") {
        if (++failedStarts >= MAX_FAILED_STARTS)
          throw new Error(`the pipeline ended by itself ${failedStarts} times: ${end}`);
      } else if (kills < moments.length) {
        moments[kills] = killWithin(life.lengthMs, Math.random);
      } else {
        screen.line(
          `killed ${kills} times with SIGKILL; ${resumed} starts went on from a checkpoint; ${grouped(total)} messages scored to the end`,
        );
        return;
      }
    }
  };
}

/** One life of the pipeline's process. */
class Life {
  /** "killed" by us, "completed", or how it ended otherwise. */
  readonly ended: Promise<string>;
  /** Messages done before this life: more than none if a checkpoint was restored. */
  doneBefore = 0;
  lengthMs = 0;
  readonly #child: ChildProcess;
  readonly #startedAt = performance.now();
  #timer: NodeJS.Timeout | undefined;
  #killed = false;

  constructor(
    directory: DataDirectory,
    moment: Moment | undefined,
    onProgress: (done: number) => void,
    signal: AbortSignal,
  ) {
    this.#child = fork(CHILD, [directory.path, JSON.stringify(directory.manifest)], {
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    if (moment !== undefined && "afterMs" in moment) this.#killIn(moment.afterMs);
    this.#child.on("message", (message) => {
      const { doneBefore, handled, checkpoints } = message as ChildReport;
      this.doneBefore = doneBefore;
      onProgress(doneBefore + handled);
      if (moment === undefined || !("atMessage" in moment) || this.#timer !== undefined) return;
      if (checkpoints > 0 && doneBefore + handled >= moment.atMessage) this.#killIn(moment.thenMs);
    });
    const abort = (): void => this.#kill();
    signal.addEventListener("abort", abort, { once: true });
    this.ended = new Promise((resolve, reject) => {
      this.#child.on("error", reject);
      this.#child.on("exit", (code, signalName) => {
        clearTimeout(this.#timer);
        signal.removeEventListener("abort", abort);
        this.lengthMs = performance.now() - this.#startedAt;
        if (this.#killed && signalName === "SIGKILL") resolve("killed");
        else resolve(code === 0 ? "completed" : `exit code ${code}, signal ${signalName}`);
      });
    });
  }

  #killIn(ms: number): void {
    this.#timer = setTimeout(() => this.#kill(), ms);
  }

  #kill(): void {
    this.#killed = this.#child.kill("SIGKILL");
  }
}
