import type { Worker } from "node:worker_threads";
import { messageOf } from "./error-forms.js";
import { FileFailure } from "./failure.js";
import type { AnswerMessage, CallArgument, CallMessage, CallName, CallResult } from "./file-calls.js";
import { giveBackThread, takeThread } from "./spare-thread.js";

interface Pending {
  readonly resolve: (result: never) => void;
  readonly reject: (error: FileFailure) => void;
}

/** The threads of this process, by the path of the file they own. */
const threads = new Map<string, Promise<FileThread>>();

/** A share in the thread that owns a file. All users of one file in a process share one thread; the last to release it ends it. */
export class FileHandle {
  readonly path: string;
  readonly #thread: FileThread;
  #released: Promise<void> | undefined;

  constructor(path: string, thread: FileThread) {
    this.path = path;
    this.#thread = thread;
  }

  /** Rejects with a {@link FileFailure}. `transfer`: buffers of the argument that are given away. */
  call<N extends CallName>(
    name: N,
    argument: CallArgument<N>,
    transfer: readonly ArrayBuffer[] = [],
  ): Promise<CallResult<N>> {
    if (this.#released !== undefined)
      return Promise.reject(new FileFailure("E_SQLITE_THREAD", "fatal", `${this.path} was used after it was closed`));
    return this.#thread.call(name, argument, transfer);
  }

  release(): Promise<void> {
    this.#released ??= this.#thread.release();
    return this.#released;
  }
}

/** Opens a file, in a thread of its own where this process has none for it yet. */
export async function acquireFile(path: string): Promise<FileHandle> {
  for (;;) {
    const opening = threads.get(path) ?? openThread(path);
    const thread = await opening;
    // It may have ended, or begun to, while we waited.
    if (threads.get(path) === opening) {
      thread.share();
      return new FileHandle(path, thread);
    }
  }
}

function openThread(path: string): Promise<FileThread> {
  const forget = (): void => {
    if (threads.get(path) === opening) threads.delete(path);
  };
  const opening = FileThread.open(path, forget);
  threads.set(path, opening);
  opening.catch(forget);
  return opening;
}

class FileThread {
  readonly #path: string;
  readonly #worker: Worker;
  readonly #forget: () => void;
  readonly #pending = new Map<number, Pending>();
  #shares = 0;
  #number = 0;
  #over: string | undefined;

  static async open(path: string, forget: () => void): Promise<FileThread> {
    const thread = new FileThread(path, forget);
    try {
      await thread.call("open", { path }, []);
      return thread;
    } catch (error) {
      await thread.#end();
      throw error;
    }
  }

  private constructor(path: string, forget: () => void) {
    this.#path = path;
    this.#forget = forget;
    this.#worker = takeThread();
    this.#worker.on("message", (answer: AnswerMessage) => this.#answered(answer));
    this.#worker.on("error", (error) => this.#fail(messageOf(error)));
    this.#worker.on("exit", () => this.#fail("it ended"));
  }

  share(): void {
    this.#shares++;
  }

  call<N extends CallName>(
    name: N,
    argument: CallArgument<N>,
    transfer: readonly ArrayBuffer[],
  ): Promise<CallResult<N>> {
    if (this.#over !== undefined) return Promise.reject(this.#gone());
    const number = this.#number++;
    return new Promise((resolve, reject) => {
      if (this.#pending.size === 0) this.#worker.ref();
      this.#pending.set(number, { resolve, reject });
      this.#worker.postMessage({ number, name, argument } satisfies CallMessage<N>, transfer);
    });
  }

  async release(): Promise<void> {
    if (--this.#shares > 0) return;
    this.#forget();
    await this.#end();
  }

  async #end(): Promise<void> {
    if (this.#over !== undefined) return;
    const closed = await this.call("close", {}, []).then(
      () => true,
      () => false,
    );
    this.#fail("its file was closed");
    await (closed ? giveBackThread(this.#worker) : this.#worker.terminate());
  }

  #answered(answer: AnswerMessage): void {
    const pending = this.#pending.get(answer.number);
    this.#pending.delete(answer.number);
    if (this.#pending.size === 0) this.#worker.unref();
    if (pending === undefined) return;
    if ("failure" in answer)
      pending.reject(new FileFailure(answer.failure.code, answer.failure.class, answer.failure.message));
    else pending.resolve(answer.result as never);
  }

  /** The thread is gone: whoever waits for it learns so, and the next to open the file gets a new one. */
  #fail(why: string): void {
    if (this.#over !== undefined) return;
    this.#over = why;
    this.#forget();
    const gone = this.#gone();
    for (const { reject } of this.#pending.values()) reject(gone);
    this.#pending.clear();
  }

  #gone(): FileFailure {
    return new FileFailure(
      "E_SQLITE_THREAD",
      "fatal",
      `the thread that writes ${this.#path} is gone: ${this.#over}. What was under way may be written or not; start again`,
    );
  }
}
