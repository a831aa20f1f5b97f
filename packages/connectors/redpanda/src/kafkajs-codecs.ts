import { WriteError } from "@millrace/core";
import kafkajs from "kafkajs";
import { corrupt, loadCodec, type PackagedCompression } from "./codecs.js";
import type { Compression } from "./kafka-driver.js";

/** What kafkajs needs of a codec it does not have itself. */
export interface CompressionCodec {
  compress(encoder: { readonly buffer: Buffer }): Promise<Buffer>;
  decompress(buffer: Buffer): Promise<Buffer>;
}

const NUMBERS: Readonly<Record<Exclude<Compression, "none">, number>> = { gzip: 1, snappy: 2, lz4: 3, zstd: 4 };
const PACKAGED: readonly PackagedCompression[] = ["snappy", "lz4", "zstd"];
const codecs = kafkajs.CompressionCodecs as unknown as Record<number, () => CompressionCodec>;
/** What we have put there ourselves. */
const ours = new Map<PackagedCompression, () => CompressionCodec>();
let installed = false;

/**
 * Registers another codec with kafkajs, for this process. Without it snappy, lz4 and zstd are those of the packages "snappy", "lz4-napi" and, where Node has none
 * (before 22.15), "@hpcc-js/wasm-zstd": optional peers. What is missing is refused at the start with `E_REDPANDA_CODEC`.
 *
 * @example
 * ```ts
 * import { type CompressionCodec, registerCodec } from "@millrace/redpanda";
 * declare const lz4: CompressionCodec; // around a package of your choice
 * registerCodec("lz4", lz4);
 * ```
 */
export function registerCodec(kind: PackagedCompression, codec: CompressionCodec): void {
  const told = telling(kind, codec);
  codecs[NUMBERS[kind]] = () => told;
}

/** Gives kafkajs, which has gzip only, the codecs of Kafka, each loaded when it is needed. What somebody has registered stays. */
export function installCodecs(): void {
  if (installed) return;
  installed = true;
  const gzip = codecs[NUMBERS.gzip] as () => CompressionCodec;
  codecs[NUMBERS.gzip] = () => telling("gzip", gzip());
  for (const kind of PACKAGED) {
    if (isThere(kind)) continue;
    const codec = telling(kind, {
      compress: async ({ buffer }) => (await loadCodec(kind)).compress(buffer),
      decompress: async (buffer) => (await loadCodec(kind)).decompress(buffer),
    });
    const make = (): CompressionCodec => codec;
    ours.set(kind, make);
    codecs[NUMBERS[kind]] = make;
  }
}

/** Refuses at open a codec that is not there: else the first batch would. */
export async function requireKafkajsCodec(kind: Compression): Promise<void> {
  if (kind === "none" || kind === "gzip") return;
  if (codecs[NUMBERS[kind]] === ours.get(kind)) await loadCodec(kind);
}

function isThere(kind: PackagedCompression): boolean {
  try {
    return codecs[NUMBERS[kind]]?.() !== undefined;
  } catch {
    return false;
  }
}

/** kafkajs would read a batch that can not be decompressed again and again, without a word, and a consumer that ends over one it would start anew. */
function telling(kind: Compression, codec: CompressionCodec): CompressionCodec {
  return {
    compress: (encoder) => codec.compress(encoder).catch((error) => Promise.reject(final(error))),
    decompress: (buffer) =>
      codec.decompress(buffer).catch((error) => {
        throw final(error instanceof WriteError ? error : corrupt(kind, error));
      }),
  };
}

function final(cause: Error): Error {
  return Object.assign(new kafkajs.KafkaJSNonRetriableError(cause), { cause });
}
