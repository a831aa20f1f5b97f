import { appendFileSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import type { SourceBatch, SourceContext, SourceReader } from "../connector.js";
import { sourceSuite } from "../testing/source-suite.js";
import { testContext } from "../testing/test-context.js";
import { virtualClock } from "../testing/virtual-clock.js";
import { fileSource } from "./file-source.js";

const folder = mkdtempSync(join(tmpdir(), "millrace-file-source-"));
afterAll(() => rmSync(folder, { recursive: true }));
let files = 0;

function file(content: string | Uint8Array): string {
  const path = join(folder, `in-${files++}.txt`);
  writeFileSync(path, content);
  return path;
}

async function open(
  path: string,
  position?: string,
  follow = false,
  context: Partial<SourceContext> = {},
): Promise<SourceReader<string>> {
  const connection = await fileSource(path, { follow }).connect(testContext(context));
  return connection.open("0", position);
}

async function batches(reader: SourceReader<string>): Promise<SourceBatch<string>[]> {
  const out: SourceBatch<string>[] = [];
  for (let batch = await reader.read(); batch !== undefined; batch = await reader.read()) out.push(batch);
  await reader.close();
  return out;
}

const lines = async (content: string | Uint8Array): Promise<string[]> =>
  (await batches(await open(file(content)))).flatMap(({ values }) => values);

for (const follow of [false, true]) {
  sourceSuite<string>({
    name: follow ? "a followed file" : "a file",
    async setup(values) {
      const path = file(values.map((value) => `${value}\n`).join(""));
      return {
        source: () => fileSource(path, { follow }),
        append: async (more) => appendFileSync(path, more.map((value) => `${value}\n`).join("")),
        teardown: async () => {},
      };
    },
    sample: (index) => `line ${index}: "é", 日本, 🙂`,
  });
}

describe("fileSource", () => {
  it("gives lines without their ends", async () => {
    expect(await lines("a\nb\r\nc")).toEqual(["a", "b", "c"]);
    expect(await lines("a\nb\n")).toEqual(["a", "b"]);
    expect(await lines("\n\r\n\n")).toEqual(["", "", ""]);
    expect(await lines("a\rb\n\r")).toEqual(["a\rb", ""]);
    expect(await lines("")).toEqual([]);
  });

  it("agrees with split() for any text, wherever it resumes", async () => {
    const text = fc
      .array(fc.constantFrom("a", "\n", "\r\n", "é", "日本", "🙂", "x".repeat(70_000)), { maxLength: 30 })
      .map((parts) => parts.join(""));
    await fc.assert(
      fc.asyncProperty(text, async (content) => {
        const path = file(content);
        const wanted = content.split("\n").map((line) => line.replace(/\r$/, ""));
        if (content === "" || content.endsWith("\n")) wanted.pop();
        const whole = await batches(await open(path));
        expect(whole.flatMap(({ values }) => values)).toEqual(wanted);
        const offsets = whole.flatMap((batch) => batch.offsets ?? []) as number[];
        for (const [i, offset] of offsets.entries()) {
          expect((await batches(await open(path, String(offset)))).flatMap(({ values }) => values)).toEqual(
            wanted.slice(i),
          );
        }
        expect(whole.at(-1)?.position ?? "0").toBe(String(Buffer.byteLength(content)));
        expect(whole.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0)).toBe(Buffer.byteLength(content));
      }),
      { numRuns: 40 },
    );
  });

  it("decodes characters that lie across two chunks", async () => {
    for (let shift = 65_532; shift <= 65_537; shift++) {
      const wanted = ["a".repeat(shift), "🙂é日", "b"];
      expect(await lines(wanted.join("\n"))).toEqual(wanted);
      expect(await lines(`${"a".repeat(shift)}🙂\n`)).toEqual([`${"a".repeat(shift)}🙂`]);
    }
  });

  it("finds every line end behind a line longer than a chunk", async () => {
    const wanted = ["x".repeat(70_000), ...Array.from({ length: 3_000 }, (_, i) => `${i}`)];
    expect(await lines(wanted.join("\n"))).toEqual(wanted);
  });

  it("gives at most 1,024 lines a batch", async () => {
    const read = await batches(await open(file("\n".repeat(2_500))));
    expect(read.map(({ values, position }) => [values.length, position])).toEqual([
      [1_024, "1024"],
      [1_024, "2048"],
      [452, "2500"],
    ]);
  });

  it("hands on what is not UTF-8 as poison, and only that", async () => {
    const content = Buffer.concat([
      Buffer.from("good\n"),
      Buffer.from([0xff, 0xfe, 10]),
      Buffer.from("é\r\n"),
      Buffer.from([0xc3]),
    ]);
    const read = await batches(await open(file(content)));
    expect(read.map(({ values, offsets }) => [values, offsets])).toEqual([
      [
        ["good", "é"],
        [0, 8],
      ],
      [[], []],
    ]);
    expect(
      read.flatMap(({ poison }) => poison?.map(({ offset, raw, error }) => [offset, [...raw], error.code])),
    ).toEqual([
      [5, [0xff, 0xfe], "E_DECODE"],
      [12, [0xc3], "E_DECODE"],
    ]);
  });

  it("refuses a line of more than 16 MB, and reads one of 16 MB", async () => {
    const longest = "x".repeat(16 * 1_024 * 1_024);
    expect((await lines(`${longest}\na`)).map(({ length }) => length)).toEqual([longest.length, 1]);
    await expect(lines(`a\n${longest}${"y".repeat(longest.length)}`)).rejects.toThrow(
      /E_SOURCE.*more than 16777216 bytes, at byte 2/,
    );
  });

  it("says what is wrong with the file", async () => {
    const missing = join(folder, "missing.txt");
    await expect(fileSource(missing).connect(testContext())).rejects.toThrow(
      /E_SOURCE.*missing\.txt.*can not be opened: ENOENT/,
    );
    await expect(fileSource(folder).connect(testContext())).rejects.toThrow(/E_SOURCE.*not a regular file/);
    await expect(open(file("abc"), "4")).rejects.toThrow(/E_SOURCE.*3 bytes.*saved position is 4/);
  });

  it("has a name that nodes may have, equal in every process", () => {
    expect(fileSource("/var/log/ä b/app.log").name).toBe("file-var-log-b-app.log");
    expect(fileSource(`/${"x".repeat(300)}/end.txt`).name).toMatch(/^[A-Za-z0-9_.-]{1,100}$/);
  });

  it("is bounded unless it follows", () => {
    expect([fileSource("a").bounded, fileSource("a", { follow: true }).bounded]).toEqual([true, false]);
  });
});

describe("fileSource with follow", () => {
  it("says that it is caught up, then waits for whole lines, by its clock", async () => {
    const path = file("a\nb");
    const clock = virtualClock();
    const reader = await open(path, undefined, true, { clock });
    expect((await reader.read())?.values).toEqual(["a"]);
    expect(await reader.read()).toEqual({ values: [], position: "2", caughtUp: true });
    const read = reader.read();
    await clock.settle();
    appendFileSync(path, "c\nd");
    await clock.advance(100);
    expect(await read).toMatchObject({ values: ["bc"], offsets: [2], position: "5" });
    expect(await reader.read()).toEqual({ values: [], position: "5", caughtUp: true });
    await reader.close();
  });

  it("reads a character that is written in two parts", async () => {
    const path = file("");
    const clock = virtualClock();
    const reader = await open(path, undefined, true, { clock });
    await reader.read();
    const read = reader.read();
    await clock.settle();
    appendFileSync(path, Buffer.from([0xf0, 0x9f]));
    await clock.advance(100);
    await clock.settle();
    appendFileSync(path, Buffer.from([0x99, 0x82, 10]));
    await clock.advance(100);
    expect((await read)?.values).toEqual(["🙂"]);
    await reader.close();
  });

  it("close() ends a pending read and leaves no timer", async () => {
    const clock = virtualClock();
    const reader = await open(file(""), undefined, true, { clock });
    await reader.read();
    const read = reader.read();
    await clock.settle();
    expect(clock.pending).toBe(1);
    await reader.close();
    await reader.close();
    expect([await read, await reader.read(), clock.pending]).toEqual([undefined, undefined, 0]);
  });

  it("close() ends a read() at whatever step it is", async () => {
    const path = file("a\n");
    for (let turns = 0; turns < 12; turns++) {
      const reader = await open(path, "2", true, { clock: virtualClock() });
      await reader.read();
      const read = reader.read();
      for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve));
      await reader.close();
      expect(await read).toBeUndefined();
    }
  });

  it("fails when the file is cut, instead of losing lines", async () => {
    const path = file("aaaa\nbbbb\n");
    const clock = virtualClock();
    const reader = await open(path, undefined, true, { clock });
    await reader.read();
    await reader.read();
    const read = expect(reader.read()).rejects.toThrow(/E_SOURCE.*cut to 5 bytes.*10 had been read/);
    await clock.settle();
    truncateSync(path, 5);
    await clock.advance(100);
    await read;
    await reader.close();
  });

  it("begins behind the last whole line with startAt latest, unless it resumes", async () => {
    for (const tail of ["", "part", "p".repeat(200_000)]) {
      const path = file(`a\nb\n${tail}`);
      const clock = virtualClock();
      const reader = await open(path, undefined, true, { clock, startAt: "latest" });
      expect(await reader.read()).toEqual({ values: [], position: "4", caughtUp: true });
      const read = reader.read();
      await clock.settle();
      appendFileSync(path, "end\n");
      await clock.advance(100);
      expect((await read)?.values).toEqual([`${tail}end`]);
      await reader.close();
    }
    const resumed = await open(file("a\nb\n"), "2", true, { startAt: "latest" });
    expect((await resumed.read())?.values).toEqual(["b"]);
    await resumed.close();
    const noLines = await open(file("part"), undefined, true, { startAt: "latest" });
    expect((await noLines.read())?.position).toBe("0");
    await noLines.close();
  });
});
