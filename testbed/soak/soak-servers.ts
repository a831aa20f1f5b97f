import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Server } from "../server.js";

// Ports and data of its own, read when the servers are described.
const own = {
  KAFKA_PORT: 25_092,
  CASS_PORT: 25_042,
  CASS_STORAGE_PORT: 25_700,
  INFLUX_PORT: 25_086,
  MONGO_PORT: 25_017,
};
for (const [name, port] of Object.entries(own)) process.env[name] ??= String(port);
process.env.TESTBED_RUN ??= join(tmpdir(), "millrace-soak");
const { kill, start, wipe } = await import("../control.js");
const { pickServers } = await import("../servers.js");

/** The servers of one soak, which are killed and started again, and of which nothing is left. */
export class SoakServers {
  readonly all: readonly Server[] = pickServers(["kafka", "cassandra", "influx", "mongo"]);
  /** Where a checkpoint is kept beside them. */
  readonly folder: string = join(process.env.TESTBED_RUN as string, "soak");
  readonly #holder: string = join(this.folder, "pid");
  #starting: Promise<void> = Promise.resolve();

  /** Throws where another soak runs on the same servers: it would end with them. What a killed one has left goes. */
  async claim(): Promise<void> {
    const holder = soakOf(this.#holder);
    if (holder !== undefined)
      throw new Error(
        `another soak (pid ${holder}) has these servers: wait for it, or set TESTBED_RUN and ${Object.keys(own).join(", ")}`,
      );
    mkdirSync(this.folder, { recursive: true });
    writeFileSync(this.#holder, String(process.pid));
    await Promise.all(this.all.map((server) => wipe(server)));
  }

  async start(server: Server): Promise<void> {
    this.#starting = server.build(() => {}).then(() => start(server, () => {}));
    await this.#starting;
  }

  /** SIGKILL, and up again; returns the milliseconds it was away. */
  async killAndRestart(server: Server): Promise<number> {
    await kill(server);
    const away = Date.now();
    await this.start(server);
    return Date.now() - away;
  }

  async wipe(): Promise<void> {
    const each = async (): Promise<void> => {
      // Their data goes with them, so they need no time to write it down.
      await Promise.all(this.all.map((server) => kill(server)));
      await Promise.all(this.all.map((server) => wipe(server)));
    };
    await each();
    // One that was about to be started is there only now.
    await this.#starting.catch(() => {});
    await each();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** The soak that wrote this file and still lives. */
function soakOf(file: string): number | undefined {
  try {
    const pid = Number(readFileSync(file, "utf8"));
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("soak") ? pid : undefined;
  } catch {
    return undefined;
  }
}
