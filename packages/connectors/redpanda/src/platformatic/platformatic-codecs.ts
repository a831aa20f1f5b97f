import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { WriteError } from "@millrace/core";
import { type BatchCodec, corrupt, loadCodec } from "../codecs.js";
import type { Compression } from "../kafka-driver.js";
import { withoutFrames } from "../snappy-frames.js";

type ClientCodec = {
  compressSync(data: { readonly buffer: Buffer } | Buffer): Buffer;
  decompressSync(data: Buffer): Buffer;
};

let patching: Promise<void> | undefined;
let zstd: BatchCodec | WriteError | undefined;

/**
 * The client can not read snappy as Kafka's own producer writes it, has zstd only where Node has it, and does not say of an answer that it can not decompress what is
 * wrong with it. Its table of codecs is not exported: the version is pinned.
 */
export function patchCodecs(): Promise<void> {
  patching ??= patch();
  return patching;
}

/** Refuses at open a codec that is not there. */
export async function requirePlatformaticCodec(kind: Compression): Promise<void> {
  if (kind === "zstd") zstd = await loadCodec("zstd");
}

async function patch(): Promise<void> {
  const entry = createRequire(import.meta.url).resolve("@platformatic/kafka");
  const { compressionsAlgorithms: table } = (await import(
    /* @vite-ignore */ new URL("protocol/compression.js", pathToFileURL(entry)).href
  )) as { readonly compressionsAlgorithms: Record<Compression, ClientCodec> };
  const { decompressSync } = table.snappy;
  table.snappy.decompressSync = (data) => withoutFrames(data, decompressSync);
  zstd = await loadCodec("zstd").catch((error: WriteError) => error);
  table.zstd.compressSync = (data) => zstdCodec().compress(Buffer.isBuffer(data) ? data : data.buffer);
  table.zstd.decompressSync = (data) => zstdCodec().decompress(data);
  for (const kind of ["gzip", "snappy", "lz4", "zstd"] as const) {
    const codec = table[kind];
    const { decompressSync: read } = codec;
    codec.decompressSync = (data) => {
      try {
        return read(data);
      } catch (error) {
        throw error instanceof WriteError ? error : corrupt(kind, error);
      }
    };
  }
}

function zstdCodec(): BatchCodec {
  if (zstd === undefined || zstd instanceof WriteError)
    throw zstd ?? new WriteError("fatal", "E_REDPANDA_CODEC", "the driver is not connected");
  return zstd;
}
