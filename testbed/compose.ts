import { fileURLToPath } from "node:url";
import { run } from "./shell.js";

const FILE = fileURLToPath(new URL("../compose.yaml", import.meta.url));

/** The products themselves, where a container engine runs. */
export async function composeUp(): Promise<void> {
  await run("docker", ["info"]).catch(() => {
    throw new Error(
      "no container engine answers here (`docker info` failed): leave out --compose to start the servers without one",
    );
  });
  await run("docker", ["compose", "-f", FILE, "up", "--wait"], { onLine: (line) => console.log(line) });
  console.log(`export KAFKA_BROKERS='127.0.0.1:19092'
export MONGO_URL='mongodb://127.0.0.1:17017/?directConnection=true'
export INFLUX_URL='http://127.0.0.1:18086' INFLUX_TOKEN='millrace-testbed-token' INFLUX_ORG='millrace'
export CASSANDRA_CONTACT_POINTS='127.0.0.1:19042' CASSANDRA_DATACENTER='datacenter1'
export DGRAPH_URL='127.0.0.1:19080'`);
}

export async function composeDown(): Promise<void> {
  await run("docker", ["compose", "-f", FILE, "down", "--volumes"], { onLine: (line) => console.log(line) });
}
