import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { tempDir } from "../../test/temp-dir.js";
import { ByteWriter } from "../file/bytes.js";
import { openWriter } from "../file/database.js";
import { packMessage } from "./message-bytes.js";
import { TopicLog } from "./topic-log.js";
import { defineTopic } from "./topic-tables.js";

describe("the ids of a run that takes no checkpoints", () => {
  it("are kept up to a limit, and it is told when older ones are forgotten", () => {
    const path = join(tempDir(), "app.db");
    const db = openWriter(path);
    defineTopic(db, path, "events", 1);
    const log = new TopicLog(db, path, 10);
    const writer = log.openWriter({ topic: "events", topology: "test", task: "0", committed: undefined });
    const append = (from: number, count: number) => {
      const bytes = new ByteWriter();
      for (let i = from; i < from + count; i++)
        packMessage({ value: `${i}` }, { id: `id ${i}`, time: undefined, now: 0, partitions: 1 }, bytes);
      return log.append({
        topic: "events",
        messages: bytes.take(),
        now: 0,
        retention: { ageMs: undefined, bytes: undefined },
        writer,
      });
    };
    const forgot: boolean[] = [];
    for (let from = 0; from < 120; from += 5) forgot.push(append(from, 5).idsForgotten);
    expect(forgot.indexOf(true)).toBe(17);
    expect(append(45, 75).repeated).toBe(75);
    expect(append(0, 5).repeated).toBe(0);
    db.close();
  });
});
