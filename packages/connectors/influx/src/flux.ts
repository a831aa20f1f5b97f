import { flux, type InfluxDB, type ParameterizedQuery, type Row } from "@influxdata/influxdb-client";
import { requireArgument, WriteError } from "@millrace/core";
import { classify } from "./influx-client.js";

export { flux };

/** A row of a Flux answer: column → value. */
export type FluxRow = Readonly<Record<string, unknown>>;

/**
 * Rows of a Flux query, as they come. The query must be made by the `flux` template tag, which escapes every parameter; plain text is refused,
 * since text from users in it could be more than a value. An error that InfluxDB reports inside a 200 answer (a table with an `error` column),
 * which the client's own iterators hand on as data, is thrown.
 *
 * @example
 * ```ts
 * import { InfluxDB } from "@influxdata/influxdb-client";
 * import { flux, fluxRows } from "@millrace/influx";
 * const client = new InfluxDB({ url: "http://127.0.0.1:8086", token: "…" });
 * const id = "ada";
 * const rows = fluxRows(client, "acme", flux`from(bucket: "scores") |> range(start: -1h) |> filter(fn: (r) => r.id == ${id})`);
 * ```
 */
export async function* fluxRows(client: InfluxDB, org: string, query: ParameterizedQuery): AsyncGenerator<FluxRow> {
  requireArgument(
    typeof query === "object" && query !== null,
    "fluxRows: make the query with the flux template tag, so that its parameters are escaped",
  );
  try {
    for await (const { values, tableMeta } of client.getQueryApi(org).iterateRows(query) as AsyncIterable<Row>) {
      const row = tableMeta.toObject(values) as FluxRow;
      if (isErrorTable(tableMeta.columns.map(({ label }) => label)))
        throw new WriteError(
          "poison",
          "E_INFLUX_QUERY",
          `the query failed while it was answered: ${String(row.error)}`,
        );
      yield row;
    }
  } catch (error) {
    throw classify(error);
  }
}

function isErrorTable(labels: readonly string[]): boolean {
  return labels.includes("error") && labels.includes("reference") && !labels.includes("_time");
}
