import { composeDown, composeUp } from "./compose.js";
import { dataDir, kill, running, start, stop, wipe } from "./control.js";
import type { Server } from "./server.js";
import { pickServers } from "./servers.js";

const HELP = `npm run testbed -- COMMAND [names]

  up [names]      build what is missing (outside the clone, once), start, wait until it answers
  up --compose    the products themselves by compose.yaml, where a container engine runs
  down [names]    stop; data stays
  status [names]  what runs
  env [names]     the variables by which tests find the servers, for \`eval "$(npm run --silent testbed -- env)"\`
  kill [names]    kill -9; data stays
  wipe [names]    stop and delete data

  names: kafka cassandra influx mongo dgraph (none: all; dgraph is a stand-in of ours, not Dgraph). KAFKA_NODES=3 starts three brokers (kafka-1 kafka-2 kafka-3),
  KAFKA_SECURE=1 gives them listeners with logins (PLAIN, SCRAM) and TLS too.
  Ports: KAFKA_PORT 19092, CASS_PORT 19042, INFLUX_PORT 18086, MONGO_PORT 17017, DGRAPH_STAND_IN_PORT 19081, all on 127.0.0.1. Cache: TESTBED_CACHE.`;

const [command = "help", ...rest] = process.argv.slice(2);
const names = rest.filter((word) => !word.startsWith("--"));

switch (command) {
  case "up":
    if (rest.includes("--compose")) await composeUp();
    else process.exitCode = await up(pickServers(names));
    break;
  case "down":
    if (rest.includes("--compose")) await composeDown();
    else await each(async (server) => ((await stop(server)) ? "stopped" : "was not running"));
    break;
  case "kill":
    await each(async (server) => ((await kill(server)) ? "killed" : "was not running"));
    break;
  case "wipe":
    await each(async (server) => {
      await wipe(server);
      return "wiped";
    });
    break;
  case "status":
    await each(async (server) => {
      const started = await running(server);
      return started === undefined ? "not running" : `running, pid ${started.pid}, data in ${dataDir(server)}`;
    });
    break;
  case "env":
    for (const server of pickServers(names))
      if ((await running(server)) !== undefined)
        for (const [name, value] of Object.entries(server.env())) console.log(`export ${name}='${value}'`);
    break;
  default:
    console.log(HELP);
    process.exitCode = command === "help" || command === "--help" ? 0 : 2;
}

async function each(work: (server: Server) => Promise<string>): Promise<void> {
  for (const server of pickServers(names)) console.log(`${server.name.padEnd(10)} ${await work(server)}`);
}

/** Builds and starts each; what can not be had is skipped with its reason. Brokers of one cluster must start together. */
async function up(servers: readonly Server[]): Promise<number> {
  let failed = 0;
  const brokers = servers.filter(({ name }) => name.startsWith("kafka"));
  const groups = [brokers, ...servers.filter((server) => !brokers.includes(server)).map((server) => [server])].filter(
    (group) => group.length > 0,
  );
  for (const group of groups) {
    const [first] = group as [Server];
    const began = Date.now();
    const progress = progressLine(first);
    try {
      await first.build(progress);
      await Promise.all(group.map((server) => start(server, progress)));
      progress.end(`ready after ${((Date.now() - began) / 1000).toFixed(1)} s (for ${first.product})`);
    } catch (error) {
      failed++;
      progress.end(`SKIPPED: ${error instanceof Error ? error.message : error}`);
    }
  }
  return failed === 0 ? 0 : 1;
}

/** One line that is written over on a terminal; elsewhere a line every 15 s. */
function progressLine(server: Server): ((line: string) => void) & { end(line: string): void } {
  const began = Date.now();
  let last = 0;
  const label = server.name.padEnd(10);
  const show = (line: string): void => {
    const text = `${label} ${Math.round((Date.now() - began) / 1000)} s: ${line}`;
    if (process.stdout.isTTY) process.stdout.write(`\r\x1b[2K${text.slice(0, (process.stdout.columns ?? 80) - 1)}`);
    else if (Date.now() - last > 15_000) {
      last = Date.now();
      console.log(text);
    }
  };
  return Object.assign(show, {
    end: (line: string): void => {
      if (process.stdout.isTTY) process.stdout.write("\r\x1b[2K");
      console.log(`${label} ${line}`);
    },
  });
}
