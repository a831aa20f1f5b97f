import { messageOf, StreamError } from "../errors.js";
import { ByteArena } from "./byte-arena.js";
import { type Codec, JsonCodec } from "./codec.js";

/** The layout of an entry: 1 byte layout, 4 bytes codec version, 8 bytes event time of the last write (NaN: none), the codec's bytes. */
const LAYOUT = 1;
const HEADER = 13;
/** Entries of all states are written here, as small Buffers are in Node's own pool. */
const arena = new ByteArena();

/** The key of an entry as bytes. */
export function packKey(text: string): Uint8Array {
  return arena.text(text);
}

/** A state with the event time it was stamped with. The time is saved from the first version on, so that a ttl can be added later. */
export interface Stamped<S> {
  readonly state: S;
  readonly stamp: number;
}

/** A state as bytes that say which version of the codec wrote them. Throws `E_STATE_CODEC` with the operator's name. */
export function packState<S>(codec: Codec<S>, state: S, stamp: number, where: string): Uint8Array {
  const bytes = encode(codec, state, where);
  const view = new DataView(bytes.buffer, bytes.byteOffset, HEADER);
  bytes[0] = LAYOUT;
  view.setUint32(1, codec.version);
  view.setFloat64(5, stamp);
  return bytes;
}

/** What packState() was given; an older version is handed to the codec, a newer one refused (`E_STATE_CODEC`). */
export function unpackState<S>(codec: Codec<S>, bytes: Uint8Array, where: string): Stamped<S> {
  if (bytes.length < HEADER || bytes[0] !== LAYOUT)
    throw broken(
      where,
      `it begins with ${bytes.length === 0 ? "nothing" : `layout ${bytes[0]}`}, not layout ${LAYOUT}`,
    );
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = view.getUint32(1);
  if (version > codec.version)
    throw broken(
      where,
      `version ${version} of the codec wrote it, and this is version ${codec.version}: run the newer program, or drop the state`,
    );
  try {
    return { state: codec.decode(bytes.subarray(HEADER), version), stamp: view.getFloat64(5) };
  } catch (cause) {
    throw cause instanceof StreamError ? cause : broken(where, messageOf(cause), cause);
  }
}

/** The codec's bytes behind room for the header. */
function encode<S>(codec: Codec<S>, state: S, where: string): Uint8Array {
  try {
    if (codec instanceof JsonCodec) return arena.text(codec.text(state), HEADER);
    return arena.bytes(codec.encode(state), HEADER);
  } catch (cause) {
    if (cause instanceof StreamError) throw cause;
    throw new StreamError("E_STATE_CODEC", `the state of "${where}" could not be encoded: ${messageOf(cause)}`, {
      cause,
      operator: where,
    });
  }
}

function broken(where: string, why: string, cause?: unknown): StreamError {
  return new StreamError("E_STATE_CODEC", `the saved state of "${where}" can not be read: ${why}`, {
    ...(cause === undefined ? {} : { cause }),
    operator: where,
  });
}
