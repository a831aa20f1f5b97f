import type { ConnectorBench } from "../connector-bench.js";
import { influxSinkBench } from "../influx-sink-bench.js";

/** The connector's default. */
const GZIP_THRESHOLD = 1_000;

export const bench: ConnectorBench = influxSinkBench(GZIP_THRESHOLD);
