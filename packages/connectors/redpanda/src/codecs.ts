import { createRequire } from "node:module";
import { messageOf, WriteError } from "@millrace/core";
import type { Compression } from "./kafka-driver.js";
import { withoutFrames } from "./snappy-frames.js";
import { zstdBound } from "./zstd-bound.js";

/** Compresses and decompresses the messages of one batch. */
export interface BatchCodec {
  compress(data: Buffer): Buffer;
  decompress(data: Buffer): Buffer;
}

/** What neither Node nor the client brings by itself. */
export type PackagedCompression = Exclude<Compression, "none" | "gzip">;

const KINDS: readonly string[] = ["none", "gzip", "snappy", "lz4", "zstd"] satisfies readonly Compression[];
const PACKAGES: Readonly<Record<PackagedCompression, string>> = {
  snappy: "snappy",
  lz4: "lz4-napi",
  zstd: "@hpcc-js/wasm-zstd",
};
const loaded = new Map<PackagedCompression, Promise<BatchCodec>>();

/** Whether it is the name of a codec of Kafka's. */
export function isCompression(kind: unknown): kind is Compression {
  return typeof kind === "string" && KINDS.includes(kind);
}

/** The codec by Node or by its package, an optional peer. Rejects with `E_REDPANDA_CODEC`, naming the package, where it is not installed. */
export function loadCodec(kind: PackagedCompression): Promise<BatchCodec> {
  let codec = loaded.get(kind);
  if (codec === undefined) {
    codec = load[kind]().catch((cause) => {
      throw missing(kind, cause);
    });
    loaded.set(kind, codec);
    // It can be installed while the process lives.
    codec.catch(() => loaded.delete(kind));
  }
  return codec;
}

/** A batch that its codec does not understand fails the reader: reading it again would not help. */
export function corrupt(kind: Compression, cause: unknown): WriteError {
  return new WriteError(
    "fatal",
    "E_REDPANDA_CODEC",
    `messages that say they are compressed by ${kind} can not be decompressed: ${messageOf(cause)}`,
    { cause },
  );
}

function missing(kind: PackagedCompression, cause: unknown): WriteError {
  const what = kind === "zstd" ? "Node 22.15 or newer, or the package" : "the package";
  return new WriteError(
    "fatal",
    "E_REDPANDA_CODEC",
    `compression "${kind}" needs ${what} "${PACKAGES[kind]}": npm install ${PACKAGES[kind]}`,
    { cause },
  );
}

const load: Readonly<Record<PackagedCompression, () => Promise<BatchCodec>>> = {
  async snappy() {
    const { compressSync, uncompressSync } = await import("snappy");
    return {
      compress: compressSync,
      decompress: (data) => withoutFrames(data, (block) => Buffer.from(uncompressSync(block))),
    };
  },
  async lz4() {
    const { compressFrameSync, decompressFrameSync } = await import("lz4-napi");
    return { compress: (data) => compressFrameSync(data), decompress: (data) => decompressFrameSync(data) };
  },
  async zstd() {
    const { zstdCompressSync, zstdDecompressSync } = createRequire(import.meta.url)("node:zlib") as {
      zstdCompressSync?(data: Buffer): Buffer;
      zstdDecompressSync?(data: Buffer): Buffer;
    };
    if (zstdCompressSync !== undefined && zstdDecompressSync !== undefined)
      return { compress: (data) => zstdCompressSync(data), decompress: (data) => zstdDecompressSync(data) };
    const { Zstd } = await import("@hpcc-js/wasm-zstd");
    const zstd = await Zstd.load();
    return {
      compress: (data) => Buffer.from(zstd.compress(data)),
      // decompress() guesses how much comes out where the frame does not say, as those of Kafka's own client do not.
      decompress: (data) => {
        zstd.reset();
        return Buffer.from(zstd.decompressChunk(data, zstdBound(data)));
      },
    };
  },
};
