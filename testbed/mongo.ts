import { mkdir } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { CACHE, port } from "./paths.js";
import type { Server } from "./server.js";
import { buildOnce, run } from "./shell.js";

const VERSION = "0.7.0b3";
const FOLDER = `secantus-${VERSION}`;

/** SecantusDB: MongoDB's wire protocol on WiredTiger. GPL: a process of its own in tests, never linked or shipped. */
export function mongo(): Server {
  const wirePort = port("MONGO_PORT", 17_017);
  return {
    name: "mongo",
    product: "MongoDB",
    buildSeconds: 30,
    readySeconds: 60,
    build: async (progress) => {
      await buildOnce(FOLDER, async (dir) => {
        progress("pip install");
        // A venv holds absolute paths, so packages go into a plain folder that may be moved.
        await run("python3", [
          "-m",
          "pip",
          "install",
          "--quiet",
          "--disable-pip-version-check",
          "--target",
          join(dir, "site"),
          `secantusdb==${VERSION}`,
        ]);
      });
    },
    prepare: async (dir) => {
      await mkdir(dir, { recursive: true });
      return {
        command: "python3",
        args: [
          "-m",
          "secantus",
          "--host",
          "127.0.0.1",
          "--port",
          String(wirePort),
          "--storage-path",
          join(dir, "wt"),
          "--cache-size",
          "256M",
          "--sync-on-commit",
          // Such as --auth, or --enable-test-commands for injected faults.
          ...(process.env.MONGO_ARGS ?? "").split(" ").filter((arg) => arg !== ""),
        ],
        env: { PYTHONPATH: join(CACHE, FOLDER, "site") },
      };
    },
    ready: () => answers(wirePort),
    env: () => ({ MONGO_URL: `mongodb://127.0.0.1:${wirePort}/?directConnection=true` }),
  };
}

function answers(wirePort: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port: wirePort });
    const say = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("connect", () => say(true));
    socket.once("error", () => say(false));
  });
}
