import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { mavenJars } from "./maven.js";
import { CACHE, port } from "./paths.js";
import type { Server } from "./server.js";
import { writeAt } from "./shell.js";

const VERSION = "5.0.9";
const FOLDER = `cassandra-${VERSION}`;

export function cassandra(): Server {
  const nativePort = port("CASS_PORT", 19_042);
  const storagePort = port("CASS_STORAGE_PORT", 17_000);
  const lib = join(CACHE, FOLDER, "lib");
  return {
    name: "cassandra",
    product: "ScyllaDB",
    buildSeconds: 15,
    readySeconds: 120,
    build: async (progress) => {
      await mavenJars(FOLDER, [["org.apache.cassandra", "cassandra-all", VERSION]], progress);
    },
    prepare: async (dir) => {
      await writeAt(join(dir, "cassandra.yaml"), yaml(dir, nativePort, storagePort));
      await writeAt(join(dir, "logback.xml"), LOGBACK);
      await writeAt(join(dir, "jvm17.options"), JVM17);
      const properties = [
        `cassandra.config=file://${join(dir, "cassandra.yaml")}`,
        `cassandra.storagedir=${dir}`,
        `cassandra.logdir=${join(dir, "log")}`,
        `logback.configurationFile=${join(dir, "logback.xml")}`,
        "cassandra.libjemalloc=-",
        "cassandra.ring_delay_ms=2000",
        "cassandra.skip_wait_for_gossip_to_settle=0",
        "cassandra.superuser_setup_delay_ms=0",
      ];
      const heap = process.env.CASS_HEAP ?? "1G";
      return {
        command: "java",
        args: [
          "-Xms256m",
          `-Xmx${heap}`,
          "-Xss512k",
          "-XX:+UseSerialGC",
          "-XX:MaxDirectMemorySize=512m",
          ...(process.env.CASS_JVM_ARGS ?? "").split(" ").filter((arg) => arg !== ""),
          "-Djava.net.preferIPv4Stack=true",
          `-javaagent:${join(lib, "jamm-0.4.0.jar")}`,
          `@${join(dir, "jvm17.options")}`,
          ...properties.map((property) => `-D${property}`),
          // Without it the daemon closes its output before it says that it is ready.
          "-Dcassandra-foreground=yes",
          "-cp",
          join(lib, "*"),
          "org.apache.cassandra.service.CassandraDaemon",
        ],
      };
    },
    ready: async (log) => existsSync(log) && (await readFile(log, "utf8")).includes("Startup complete"),
    env: () => ({ CASSANDRA_CONTACT_POINTS: `127.0.0.1:${nativePort}`, CASSANDRA_DATACENTER: "datacenter1" }),
  };
}

/** `batch`: acknowledged writes survive kill -9 (with `periodic`, Cassandra's default, hundreds do not). */
function yaml(dir: string, nativePort: number, storagePort: number): string {
  return `cluster_name: millrace
num_tokens: 16
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
endpoint_snitch: SimpleSnitch
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters:
      - seeds: "127.0.0.1:${storagePort}"
listen_address: 127.0.0.1
rpc_address: 127.0.0.1
storage_port: ${storagePort}
native_transport_port: ${nativePort}
data_file_directories: [${join(dir, "data")}]
commitlog_directory: ${join(dir, "commitlog")}
saved_caches_directory: ${join(dir, "saved_caches")}
hints_directory: ${join(dir, "hints")}
cdc_raw_directory: ${join(dir, "cdc_raw")}
commitlog_sync: batch
commitlog_segment_size: 16MiB
commitlog_total_space: 256MiB
memtable_heap_space: 192MiB
memtable_offheap_space: 64MiB
file_cache_size: 64MiB
networking_cache_size: 32MiB
key_cache_size: 16MiB
concurrent_reads: 16
concurrent_writes: 16
concurrent_compactors: 1
auto_snapshot: false
materialized_views_enabled: true
batch_size_warn_threshold: 64KiB
batch_size_fail_threshold: 640KiB
${process.env.CASS_YAML_EXTRA ?? ""}
`;
}

const LOGBACK = `<configuration><appender name="out" class="ch.qos.logback.core.ConsoleAppender"><encoder><pattern>%date %level %logger{0}: %msg%n</pattern></encoder></appender>
<root level="INFO"><appender-ref ref="out"/></root></configuration>
`;

const EXPORTS = [
  "java.base/jdk.internal.misc",
  "java.management.rmi/com.sun.jmx.remote.internal.rmi",
  "java.rmi/sun.rmi.registry",
  "java.rmi/sun.rmi.server",
  "java.sql/java.sql",
  "java.base/java.lang.ref",
  "jdk.unsupported/sun.misc",
  "jdk.attach/sun.tools.attach",
];
const OPENS = [
  ...[
    "java.lang.module",
    "jdk.internal.loader",
    "jdk.internal.ref",
    "jdk.internal.reflect",
    "jdk.internal.math",
    "jdk.internal.module",
    "jdk.internal.util.jar",
    "sun.nio.ch",
    "java.io",
    "java.nio",
    "java.lang",
    "java.lang.reflect",
    "java.util",
  ].map((name) => `java.base/${name}`),
  "jdk.management/com.sun.management.internal",
];
const JVM17 = `-Djdk.attach.allowAttachSelf=true
${EXPORTS.map((name) => `--add-exports=${name}=ALL-UNNAMED`).join("\n")}
${OPENS.map((name) => `--add-opens=${name}=ALL-UNNAMED`).join("\n")}
-Dio.netty.tryReflectionSetAccessible=true
-Dio.netty.allocator.useCacheForAllThreads=true
-Dio.netty.allocator.maxOrder=11
`;
