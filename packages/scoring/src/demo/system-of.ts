import type { Manifest } from "./data-directory.js";
import type { DemoSystem } from "./demo-system.js";
import { EmbeddedSystem } from "./embedded-system.js";

/** The system that a manifest names. Drivers of servers are loaded only where they are wanted. */
export async function systemOf(directory: string, manifest: Manifest): Promise<DemoSystem> {
  const { namespace } = manifest;
  if (namespace === null) return new EmbeddedSystem(directory, manifest);
  const { ServerSystem } = await import("./server-system.js");
  return new ServerSystem(directory, namespace, manifest, process.env);
}
