import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import type { SinkWriter } from "../connector.js";
import { contextOf, TASK } from "../testing/sink-bench.js";
import { sinkSuite } from "../testing/sink-suite.js";
import { testContext } from "../testing/test-context.js";
import { fileSink } from "./file-sink.js";
import { fileSource } from "./file-source.js";

const folder = mkdtempSync(join(tmpdir(), "millrace-file-sink-"));
afterAll(() => rmSync(folder, { recursive: true }));
let files = 0;
const freshPath = (): string => join(folder, `out-${files++}.txt`);

async function writer(path: string, state?: Uint8Array): Promise<SinkWriter<string>> {
  return (await fileSink(path).connect(testContext())).open(TASK, state);
}

async function write(to: SinkWriter<string>, ...values: string[]): Promise<unknown> {
  return to.write(values, contextOf(values.length, 0));
}

const stateOf = async (of: SinkWriter<string>): Promise<Uint8Array> => (await of.flush?.(1))?.state as Uint8Array;

sinkSuite<string>({
  name: "fileSink",
  async setup() {
    const path = freshPath();
    return {
      sink: () => fileSink(path),
      contents: async () => (existsSync(path) ? readFileSync(path, "utf8").split("\n").slice(0, -1) : []),
      teardown: async () => {},
    };
  },
  sample: (index) => `line ${index}: "é", 日本, 🙂`,
  poison: () => "two\nlines",
});

describe("fileSink", () => {
  it("is exactly-once by rolling back, and keeps the order", () => {
    const { name, writes, rollsBack, concurrency } = fileSink("/tmp/a b.txt");
    expect({ name, writes, rollsBack, concurrency }).toEqual({
      name: "file-tmp-a-b.txt",
      writes: "append",
      rollsBack: true,
      concurrency: 1,
    });
  });

  it("writes a line a value", async () => {
    const path = freshPath();
    const sink = await writer(path);
    await write(sink, "a", "", "é🙂");
    await write(sink, "b");
    await sink.close();
    expect(readFileSync(path, "utf8")).toBe("a\n\né🙂\nb\n");
  });

  it("makes the file when it opens, and begins it anew without a saved state", async () => {
    const path = freshPath();
    writeFileSync(path, "of an earlier run\n");
    const sink = await writer(path);
    expect(readFileSync(path, "utf8")).toBe("");
    await sink.close();
    const made = freshPath();
    await (await writer(made)).close();
    expect(readFileSync(made, "utf8")).toBe("");
  });

  it("saves its length and cuts itself back to it, through any crash", async () => {
    const value = fc.string({ unit: "grapheme", maxLength: 20 }).filter((text) => !text.includes("\n"));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(value, { maxLength: 5 }), { maxLength: 6 }),
        fc.array(value, { maxLength: 4 }),
        async (epochs, unsaved) => {
          const path = freshPath();
          let state: Uint8Array | undefined;
          for (const epoch of epochs) {
            const sink = await writer(path, state);
            await write(sink, ...epoch);
            state = await stateOf(sink);
            await write(sink, ...unsaved);
            await sink.close();
          }
          await (await writer(path, state)).close();
          expect(readFileSync(path, "utf8")).toBe(
            epochs
              .flat()
              .map((line) => `${line}\n`)
              .join(""),
          );
        },
      ),
      { numRuns: 30 },
    );
  });

  it("gives back through fileSource what it was given", async () => {
    const path = freshPath();
    const values = ["a", "", "é🙂", "x".repeat(200_000)];
    const sink = await writer(path);
    await write(sink, ...values);
    await sink.close();
    const reader = await (await fileSource(path).connect(testContext())).open("0", undefined);
    const read: string[] = [];
    for (let batch = await reader.read(); batch !== undefined; batch = await reader.read()) read.push(...batch.values);
    await reader.close();
    expect(read).toEqual(values);
  });

  it("refuses what would read back as something else, and writes the rest", async () => {
    const path = freshPath();
    const sink = await writer(path);
    expect(await sink.write(["a", "b\nc", 5 as never, "d"], contextOf(4, 0))).toEqual([
      "written",
      { class: "poison", code: "E_FILE_VALUE", message: expect.stringContaining("line feed") },
      { class: "poison", code: "E_FILE_VALUE", message: expect.stringContaining("no string but a number") },
      "written",
    ]);
    await sink.close();
    expect(readFileSync(path, "utf8")).toBe("a\nd\n");
  });

  it("refuses a file that is shorter than the checkpoint says, untouched", async () => {
    const path = freshPath();
    writeFileSync(path, "abc\n");
    await expect(writer(path, Buffer.from("5"))).rejects.toThrow(/E_SINK.*4 bytes and the checkpoint says 5/);
    await expect(writer(freshPath(), Buffer.from("5"))).rejects.toThrow(/E_SINK.*0 bytes/);
    for (const state of ["", "-1", "abc", "1.5"])
      await expect(writer(path, Buffer.from(state))).rejects.toThrow(/E_SINK.*saved length that is none/);
    expect(readFileSync(path, "utf8")).toBe("abc\n");
  });

  it("refuses a file it can not open", async () => {
    await expect(writer(join(folder, "none", "out.txt"))).rejects.toThrow(
      /E_SINK.*none.*can not be opened for writing: ENOENT/,
    );
    await expect(writer(folder)).rejects.toThrow(/E_SINK.*can not be opened for writing/);
  });

  it("takes one task at a time", async () => {
    const connection = await fileSink(freshPath()).connect(testContext());
    const first = await connection.open(TASK, undefined);
    await expect(connection.open({ ...TASK, partitions: ["1"] }, undefined)).rejects.toThrow(/E_SINK.*another task/);
    await first.close();
    await (await connection.open(TASK, undefined)).close();
    await expect(connection.open(TASK, Buffer.from("99"))).rejects.toThrow(/E_SINK/);
    await (await connection.open(TASK, undefined)).close();
  });
});

type Write = (this: FileHandle, buffer: Buffer, offset: number, length: number, position: number) => Promise<unknown>;

/** Runs with a file whose calls fail as told: the prototype is shared by all handles. */
describe("a failing disk", () => {
  afterEach(() => void vi.restoreAllMocks());

  async function prototype(): Promise<FileHandle> {
    const handle = await open(folder, "r");
    await handle.close();
    return Object.getPrototypeOf(handle);
  }

  it.each([true, false])(
    "leaves nothing of a failed write, and takes it again (flushed between: %s)",
    async (flushed) => {
      const path = freshPath();
      const sink = await writer(path);
      await write(sink, "before");
      const handles = await prototype();
      const sound = handles.write as Write;
      vi.spyOn(handles, "write").mockImplementationOnce(async function (
        this: FileHandle,
        buffer: Buffer,
        offset: number,
        _: number,
        position: number,
      ) {
        await sound.call(this, buffer, offset, 3, position);
        throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
      } as never);
      await expect(write(sink, "half written")).rejects.toMatchObject({
        class: "transient",
        code: "E_FILE_WRITE",
        message: expect.stringContaining("no space left"),
      });
      expect(readFileSync(path, "utf8")).toBe("before\nhal");
      if (flushed) {
        expect(Buffer.from(await stateOf(sink)).toString()).toBe("7");
        expect(readFileSync(path, "utf8")).toBe("before\n");
      }
      await write(sink, "");
      await sink.close();
      expect(readFileSync(path, "utf8")).toBe("before\n\n");
    },
  );

  it("goes on where a partial write ended", async () => {
    const path = freshPath();
    const sink = await writer(path);
    const handles = await prototype();
    const sound = handles.write as Write;
    vi.spyOn(handles, "write").mockImplementation(function (
      this: FileHandle,
      buffer: Buffer,
      offset: number,
      length: number,
      position: number,
    ) {
      return sound.call(this, buffer, offset, Math.min(2, length), position);
    } as never);
    await write(sink, "abcde", "f");
    await sink.close();
    expect(readFileSync(path, "utf8")).toBe("abcde\nf\n");
  });

  it("fails for good when an fsync does", async () => {
    const sink = await writer(freshPath());
    vi.spyOn(await prototype(), "sync").mockRejectedValueOnce(Object.assign(new Error("i/o error"), { code: "EIO" }));
    await expect(stateOf(sink)).rejects.toMatchObject({ class: "fatal", code: "E_FILE_WRITE" });
    await sink.close();
  });
});
