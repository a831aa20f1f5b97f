import { Writable } from "node:stream";
import { describe, expect, it } from "vitest";
import { contextOf, TASK } from "../testing/sink-bench.js";
import { testContext } from "../testing/test-context.js";
import { consoleSink } from "./console-sink.js";

async function write(output: Writable & { isTTY?: boolean }, values: readonly unknown[]): Promise<void> {
  const writer = await (await consoleSink(output).connect(testContext())).open(TASK, undefined);
  await writer.write(values, contextOf(values.length, 0));
}

function sink(): { output: Writable & { isTTY?: boolean }; text: () => string } {
  let text = "";
  const output = new Writable({
    write(chunk, _, done) {
      text += chunk;
      done();
    },
  });
  return { output, text: () => text };
}

describe("consoleSink", () => {
  it("prints strings as they are and other values as console.log shows them", async () => {
    const { output, text } = sink();
    await write(output, ["plain 'text'", 5, { a: [1] }, undefined, null, 10n]);
    expect(text()).toBe("plain 'text'\n5\n{ a: [ 1 ] }\nundefined\nnull\n10n\n");
  });

  it("uses colours on a terminal only", async () => {
    const { output, text } = sink();
    output.isTTY = true;
    await write(output, [5, "five"]);
    expect(text()).toBe("\u001b[33m5\u001b[39m\nfive\n");
  });

  it("waits until the output has taken a batch", async () => {
    let take: () => void = () => {};
    const output = new Writable({
      write(_chunk, _encoding, done) {
        take = done;
      },
    });
    let written = false;
    const writing = write(output, ["a"]).then(() => {
      written = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(written).toBe(false);
    take();
    await writing;
  });

  it("fails for good when the output is closed", async () => {
    const output = new Writable({
      write: (_chunk, _encoding, done) => done(Object.assign(new Error("write EPIPE"), { code: "EPIPE" })),
    });
    output.on("error", () => {});
    await expect(write(output, ["a"])).rejects.toMatchObject({
      class: "fatal",
      code: "E_CONSOLE_WRITE",
      message: expect.stringContaining("EPIPE"),
    });
  });
});
