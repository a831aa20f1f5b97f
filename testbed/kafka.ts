import { existsSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { scramUsers, security, securityEnv, writeKeyStore } from "./kafka-security.js";
import { mavenJars } from "./maven.js";
import { CACHE, port } from "./paths.js";
import type { Launch, Server } from "./server.js";
import { run, writeAt } from "./shell.js";

const VERSION = "4.3.1";
/** Any 22 characters of base64url: all nodes of one cluster must be formatted with the same. */
const CLUSTER_ID = "bWlsbHJhY2UtdGVzdGJlZA";
const FOLDER = `kafka-${VERSION}`;

/** The class path of Kafka's server and of its own client, fetched if it is not there. */
export async function kafkaClasses(progress: (line: string) => void = () => {}): Promise<string> {
  const dir = await mavenJars(
    FOLDER,
    [
      ["org.apache.kafka", "kafka_2.13", VERSION],
      ["org.apache.logging.log4j", "log4j-slf4j-impl", "2.25.4"],
    ],
    progress,
  );
  return classes(dir);
}

function classes(dir: string): string {
  return join(dir, "lib", "*");
}

/** Node `id` of `nodes`, each broker and controller in one JVM (KRaft). */
export function kafka(id: number, nodes: number): Server {
  const base = port("KAFKA_PORT", 19_092);
  const portOf = (node: number): number => base + (node - 1) * 10;
  const brokers = (offset: number): string =>
    Array.from({ length: nodes }, (_, i) => `127.0.0.1:${portOf(i + 1) + offset}`).join(",");
  const lib = classes(join(CACHE, FOLDER));
  return {
    name: nodes === 1 ? "kafka" : `kafka-${id}`,
    product: "Redpanda",
    buildSeconds: 15,
    readySeconds: 120,
    build: async (progress) => {
      await kafkaClasses(progress);
    },
    prepare: async (dir): Promise<Launch> => {
      await writeAt(join(dir, "server.properties"), properties(dir, id, nodes, portOf));
      await writeAt(join(dir, "log4j2.xml"), LOG4J);
      await writeKeyStore(dir);
      if (!existsSync(join(dir, "logs", "meta.properties")))
        await run("java", [
          "-cp",
          lib,
          "kafka.tools.StorageTool",
          "format",
          "-t",
          CLUSTER_ID,
          "-c",
          join(dir, "server.properties"),
          ...scramUsers(),
        ]);
      // The log says when it is ready; an old line in it must not be taken for a new one.
      await rm(join(dir, "server.log"), { force: true });
      const heap = process.env.KAFKA_HEAP ?? (nodes === 1 ? "512m" : "384m");
      return {
        command: "java",
        args: [
          "-Xms128m",
          `-Xmx${heap}`,
          "-XX:+UseSerialGC",
          "-XX:+ExitOnOutOfMemoryError",
          `-Dlog4j2.configurationFile=${join(dir, "log4j2.xml")}`,
          "-Djava.net.preferIPv4Stack=true",
          "-cp",
          lib,
          "kafka.Kafka",
          join(dir, "server.properties"),
        ],
      };
    },
    ready: async (log) => existsSync(log) && (await readFile(log, "utf8")).includes("Kafka Server started"),
    env: () => ({ KAFKA_BROKERS: brokers(0), ...securityEnv(brokers) }),
  };
}

function properties(dir: string, id: number, nodes: number, portOf: (node: number) => number): string {
  const replicas = nodes === 1 ? 1 : 3;
  const minInSync = nodes === 1 ? 1 : 2;
  const voters = Array.from({ length: nodes }, (_, i) => `${i + 1}@127.0.0.1:${portOf(i + 1) + 1}`).join(",");
  const { listeners, protocols, lines } = security(dir, portOf(id));
  return `process.roles=broker,controller
node.id=${id}
controller.quorum.voters=${voters}
listeners=PLAINTEXT://127.0.0.1:${portOf(id)},CONTROLLER://127.0.0.1:${portOf(id) + 1}${listeners}
advertised.listeners=PLAINTEXT://127.0.0.1:${portOf(id)}${listeners}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT${protocols}
${lines}controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs=${join(dir, "logs")}
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
default.replication.factor=${replicas}
min.insync.replicas=${minInSync}
offsets.topic.replication.factor=${replicas}
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=${replicas}
transaction.state.log.min.isr=${minInSync}
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=${replicas}
share.coordinator.state.topic.min.isr=${minInSync}
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=${nodes === 1 ? 2_000 : 3_000}
log.cleaner.threads=1
log.cleaner.dedupe.buffer.size=8388608
num.network.threads=2
num.io.threads=4
background.threads=2
log.segment.bytes=67108864
# Suites write messages of years ago, which a broker with a retention would delete within five minutes.
log.retention.hours=-1
`;
}

const LOG4J = `<Configuration status="WARN"><Appenders><Console name="out"><PatternLayout pattern="%d %p %c{1}: %m%n"/></Console></Appenders>
<Loggers><Root level="INFO"><AppenderRef ref="out"/></Root></Loggers></Configuration>
`;
