import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkpointSuite } from "@millrace/core/testing";
import { sqliteCheckpoints } from "@millrace/sqlite";

checkpointSuite({
  name: "sqlite",
  async setup() {
    const dir = await mkdtemp(join(tmpdir(), "millrace-sqlite-"));
    return {
      store: () => sqliteCheckpoints({ file: join(dir, "app.db") }),
      teardown: () => rm(dir, { recursive: true, force: true }),
    };
  },
});
