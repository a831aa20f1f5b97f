import type { ConnectorBench } from "../connector-bench.js";
import { influxSinkBench } from "../influx-sink-bench.js";

export const bench: ConnectorBench = influxSinkBench(Number.MAX_SAFE_INTEGER);
