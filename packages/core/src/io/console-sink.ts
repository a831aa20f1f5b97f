import type { Writable } from "node:stream";
import { inspect } from "node:util";
import { type Sink, WriteError } from "../connector.js";
import { messageOf } from "../errors.js";

/**
 * Prints every value on a line of its own, in the order they come: a string as it is, anything else as `console.log` shows it. It
 * writes to the standard output, or to `output`, and waits until that has taken a batch before the next. An output that is closed
 * (a pipe whose reader ended) fails the write for good. A replay prints again.
 *
 * @example
 * ```ts
 * import { consoleSink, from } from "@millrace/core";
 * await from(["a", "b"]).to(consoleSink()).run();
 * ```
 */
export function consoleSink(output: Writable & { readonly isTTY?: boolean } = process.stdout): Sink<unknown> {
  return {
    name: "console",
    writes: "append",
    metadata: false,
    concurrency: 1,
    async connect() {
      return {
        open: async () => ({ write: (values) => print(values, output), close: async () => {} }),
        close: async () => {},
      };
    },
  };
}

function print(values: readonly unknown[], output: Writable & { readonly isTTY?: boolean }): Promise<void> {
  const colors = output.isTTY === true;
  const text = values.map((value) => `${typeof value === "string" ? value : inspect(value, { colors })}\n`).join("");
  return new Promise((resolve, reject) => {
    output.write(text, (error) => {
      if (error === undefined || error === null) resolve();
      else
        reject(
          new WriteError("fatal", "E_CONSOLE_WRITE", `the console can not be written to: ${messageOf(error)}`, {
            cause: error,
          }),
        );
    });
  });
}
