import { requireArgument, WriteError } from "@millrace/core";
import { AnnotatedCsv, type FluxRow } from "./annotated-csv.js";
import { FluxQuery } from "./flux.js";
import type { InfluxConnection } from "./influx-connection.js";
import { InfluxRequests } from "./influx-requests.js";

/**
 * The rows of a query, as they come: the server is read no faster than they are taken. The query must be made by the {@link flux} tag; text is refused
 * (`E_ARGUMENT`), since what users enter could be more than a value in it. Throws a WriteError `E_INFLUX_QUERY` for a query that fails, also where InfluxDB
 * says so only after its 200, which the client hands on as a row.
 *
 * @example
 * ```ts
 * import { flux, fluxQuery } from "@millrace/influx";
 * const connection = { url: "http://127.0.0.1:8086", token: "…", org: "acme" };
 * const query = flux`from(bucket: "scores") |> range(start: -1h) |> filter(fn: (r) => r.id == ${"ada"})`;
 * for await (const row of fluxQuery(connection, query)) console.log(row._time, row._value);
 * ```
 */
export function fluxQuery(
  connection: InfluxConnection,
  query: FluxQuery,
  options: { readonly signal?: AbortSignal } = {},
): AsyncGenerator<FluxRow> {
  return rowsOf(new InfluxRequests(connection), query, options.signal);
}

async function* rowsOf(requests: InfluxRequests, query: FluxQuery, signal?: AbortSignal): AsyncGenerator<FluxRow> {
  for await (const rows of piecesOf(requests, query, signal)) yield* rows;
}

/** The rows of a query by the pieces of the answer that came; to be taken at once, each before the next piece. A promise for each row would be felt. */
export async function* piecesOf(
  requests: InfluxRequests,
  query: FluxQuery,
  signal?: AbortSignal,
): AsyncGenerator<Iterable<FluxRow>> {
  requireArgument(
    query instanceof FluxQuery,
    "fluxQuery: make the query with the flux tag, so that its parameters are escaped",
  );
  const csv = new AnnotatedCsv((message) => failed(`the query failed while it was answered: ${message}`));
  const dialect = { header: true, delimiter: ",", annotations: ["datatype", "group", "default"] };
  const body = { query: String(query), type: "flux", dialect };
  try {
    for await (const bytes of requests.stream(`/api/v2/query?org=${encodeURIComponent(requests.org)}`, body, signal))
      yield csv.rows(bytes);
  } catch (error) {
    throw error instanceof WriteError && error.class === "poison" ? failed(error.message, error) : error;
  }
}

/** It is the query that is wrong: nothing gets better by trying again. */
function failed(message: string, cause?: unknown): WriteError {
  return new WriteError("fatal", "E_INFLUX_QUERY", message, { cause });
}
