import type { Clock, Health } from "@millrace/core";
import { explain } from "./failure.js";
import type { FileHandle } from "./file-thread.js";

/** Asks the thread that owns the file to read it. */
export async function healthOf(handle: FileHandle, clock: Clock): Promise<Health> {
  const started = clock.now();
  try {
    await handle.call("ping", {});
    return { status: "up", latencyMs: clock.now() - started };
  } catch (error) {
    return { status: "down", latencyMs: clock.now() - started, detail: explain(error, handle.path).message };
  }
}
