import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { ScoreLog } from "./bounded.js";
import type { ChildReport } from "./crash-child.js";
import type { DataDirectory } from "./data-directory.js";
import { grouped, type Screen } from "./screen.js";

const MIN_KILLS = 10;
const EXTRA_KILLS = 4;
/** The share of kills that come at any moment after a start, however far the pipeline is. */
const ANY_MOMENT = 0.3;
const ANY_MOMENT_MS = 1_500;
const JITTER_MS = 400;
const MAX_FAILED_STARTS = 3;

const CHILD = fileURLToPath(new URL("./crash-child.ts", import.meta.url));

/** When a pipeline is to be killed: so long after its start, or so long after it has read so many messages. */
type Moment = { readonly afterMs: number } | { readonly atMessage: number; readonly thenMs: number };

/** Scores in a child process that is killed with SIGKILL at random moments, at least ten times, and started again each time. */
export function scoreWithCrashes(screen: Screen): ScoreLog {
  return async (directory, total, progress, signal) => {
    const moments = randomMoments(total);
    let kills = 0;
    let failedStarts = 0;
    let restored = 0;
    for (;;) {
      const moment = moments[kills];
      const life = new Life(directory, moment, (done) => progress(done, `${kills} kills`), signal);
      const end = await life.ended;
      if (signal.aborted) return;
      if (end === "killed") {
        kills++;
        failedStarts = 0;
        if (life.doneBefore > 0) restored++;
        progress(life.done, `${kills} kills`);
      } else if (end === "completed" && moment === undefined) {
        screen.line(
          `killed ${kills} times with SIGKILL, ${restored} starts went on from a checkpoint; ${grouped(total)} messages scored to the end`,
        );
        return;
      } else if (end !== "completed" && ++failedStarts >= MAX_FAILED_STARTS) {
        throw new Error(`the pipeline ended by itself ${failedStarts} times: ${end}`);
      }
    }
  };
}

/** At least {@link MIN_KILLS}, spread over the log, some of them at any moment after a start. */
function randomMoments(total: number): Moment[] {
  const count = MIN_KILLS + Math.floor(Math.random() * (EXTRA_KILLS + 1));
  const messages = Array.from({ length: count }, () => Math.floor(total * (0.02 + 0.9 * Math.random()))).sort(
    (a, b) => a - b,
  );
  return messages.map((atMessage): Moment => {
    if (Math.random() < ANY_MOMENT) return { afterMs: Math.random() * ANY_MOMENT_MS };
    return { atMessage, thenMs: Math.random() * JITTER_MS };
  });
}

/** One life of the pipeline's process. */
class Life {
  /** "killed" by us, "completed", or how it ended otherwise. */
  readonly ended: Promise<string>;
  doneBefore = 0;
  done = 0;
  readonly #child: ChildProcess;
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
    const kill = (): void => {
      this.#killed = this.#child.kill("SIGKILL");
    };
    let timer = moment !== undefined && "afterMs" in moment ? setTimeout(kill, moment.afterMs) : undefined;
    this.#child.on("message", (message) => {
      const { doneBefore, received } = message as ChildReport;
      this.doneBefore = doneBefore;
      this.done = doneBefore + received;
      onProgress(this.done);
      if (timer === undefined && moment !== undefined && "atMessage" in moment && this.done >= moment.atMessage)
        timer = setTimeout(kill, moment.thenMs);
    });
    signal.addEventListener("abort", kill, { once: true });
    this.ended = new Promise((resolve, reject) => {
      this.#child.on("error", reject);
      this.#child.on("exit", (code, signalName) => {
        clearTimeout(timer);
        signal.removeEventListener("abort", kill);
        if (this.#killed && signalName === "SIGKILL") resolve("killed");
        else resolve(code === 0 ? "completed" : `exit code ${code}, signal ${signalName}`);
      });
    });
  }
}
