import { WriteError } from "@millrace/core";
import kafkajs from "kafkajs";
import type { Compression } from "./kafka-driver.js";

/** What kafkajs needs of a codec it does not have itself. */
export interface CompressionCodec {
  compress(encoder: { readonly buffer: Buffer }): Promise<Buffer>;
  decompress(buffer: Buffer): Promise<Buffer>;
}

const KINDS: Readonly<Record<Compression, number>> = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 };
const codecs = kafkajs.CompressionCodecs as unknown as Record<number, (() => CompressionCodec) | undefined>;

/**
 * Registers a codec for this process: kafkajs has gzip only. zstd is registered by itself where Node has it (22.15 and newer). A sink whose
 * codec is missing is refused at its start with `E_REDPANDA_CODEC`.
 *
 * @example
 * ```ts
 * import { type CompressionCodec, registerCodec } from "@millrace/redpanda";
 * declare const lz4: CompressionCodec; // around a package of your choice
 * registerCodec("lz4", lz4);
 * ```
 */
export function registerCodec(kind: Exclude<Compression, "none" | "gzip">, codec: CompressionCodec): void {
  codecs[KINDS[kind]] = () => codec;
}

/** Refuses at open a codec that is not there: else the first batch would. */
export async function requireCodec(kind: Compression): Promise<void> {
  if (kind === "none" || kind === "gzip") return;
  if (kind === "zstd") await registerNodeZstd();
  try {
    codecs[KINDS[kind]]?.();
  } catch (cause) {
    throw new WriteError(
      "fatal",
      "E_REDPANDA_CODEC",
      `compression "${kind}" is not there: kafkajs brings only gzip. Register it with registerCodec("${kind}", …), see the README`,
      { cause },
    );
  }
}

async function registerNodeZstd(): Promise<void> {
  const zlib = (await import("node:zlib")) as unknown as {
    zstdCompressSync?(data: Buffer): Buffer;
    zstdDecompressSync?(data: Buffer): Buffer;
  };
  const { zstdCompressSync, zstdDecompressSync } = zlib;
  if (zstdCompressSync === undefined || zstdDecompressSync === undefined) return;
  registerCodec("zstd", {
    compress: async ({ buffer }) => zstdCompressSync(buffer),
    decompress: async (buffer) => zstdDecompressSync(buffer),
  });
}
