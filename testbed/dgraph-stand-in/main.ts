/** The stand-in as a process of its own, which can be killed. */
import { join } from "node:path";
import { startStandIn } from "./stand-in.js";

const [port = "0", dir] = process.argv.slice(2);
const standIn = await startStandIn({
  port: Number(port),
  ...(dir === undefined ? {} : { file: join(dir, "graph.log") }),
});
console.log(`stand-in, not Dgraph: ready on ${standIn.address}`);
process.once("SIGTERM", () => void standIn.stop());
