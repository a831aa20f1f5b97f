import { connect } from "node:net";
import { fileURLToPath } from "node:url";
import { port } from "./paths.js";
import type { Server } from "./server.js";

/**
 * Dgraph itself is not to be had without a container: this is a stand-in of ours on its gRPC service. Its variable has a name of its own, so that nobody
 * takes what was run on it for having been run on Dgraph.
 */
export function dgraph(): Server {
  const grpcPort = port("DGRAPH_STAND_IN_PORT", 19_081);
  return {
    name: "dgraph",
    product: "Dgraph; a stand-in, not Dgraph",
    buildSeconds: 0,
    readySeconds: 30,
    build: async () => {},
    prepare: async (dir) => ({
      command: process.execPath,
      args: [
        "--import",
        import.meta.resolve("tsx"),
        fileURLToPath(new URL("dgraph-stand-in/main.ts", import.meta.url)),
        String(grpcPort),
        dir,
      ],
    }),
    ready: () => answers(grpcPort),
    env: () => ({ DGRAPH_STAND_IN_URL: `127.0.0.1:${grpcPort}` }),
  };
}

function answers(at: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port: at });
    const say = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("connect", () => say(true));
    socket.once("error", () => say(false));
  });
}
