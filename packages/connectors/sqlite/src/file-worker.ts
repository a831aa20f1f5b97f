import { parentPort } from "node:worker_threads";
import type { Failure } from "./file/failure.js";
import type { AnswerMessage, CallMessage } from "./file/file-calls.js";
import { FileOwner } from "./file/file-owner.js";

// The thread that owns one database file: it alone writes it in this process, so no commit and no wait for a lock holds up the event loop.
const port = parentPort;
if (port !== null) {
  const owner = new FileOwner();
  port.on("message", ({ number, name, argument }: CallMessage) => {
    let answer: AnswerMessage;
    try {
      answer = { number, result: owner.do(name, argument) };
    } catch (failure) {
      answer = { number, failure: failure as Failure };
    }
    port.postMessage(answer, transferable(answer));
  });
}

/** The buffers of pages and append results need no copy on their way back. */
function transferable(answer: AnswerMessage): ArrayBuffer[] {
  if (!("result" in answer) || answer.result === null || typeof answer.result !== "object") return [];
  const buffers: ArrayBuffer[] = [];
  for (const part of Object.values(answer.result))
    if (ArrayBuffer.isView(part) && part.buffer instanceof ArrayBuffer) buffers.push(part.buffer);
  return buffers;
}
