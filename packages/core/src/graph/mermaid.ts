import { ERROR, LATE, MAIN } from "../stage.js";
import type { TopologyDescription } from "./describe.js";

/**
 * A topology as a Mermaid flowchart: sources and sinks rounded, operators boxed, late values and dead letters on dotted arrows.
 *
 * @example
 * ```ts
 * import { discardSink, from, topology, toMermaid } from "@millrace/core";
 * console.log(toMermaid(topology("doubling", from([1, 2]).map((n) => n * 2).to(discardSink())).describe()));
 * ```
 */
export function toMermaid(description: TopologyDescription): string {
  const names = new Map(description.nodes.map((node, i) => [node.id, `n${i}`]));
  const lines = [
    `%% ${description.name}: ${description.tasks.mode === "one" ? "one task" : "a task a partition"} (${description.tasks.because})`,
    "flowchart LR",
  ];
  for (const { id, kind } of description.nodes) lines.push(`  ${names.get(id)}${shape(id, kind)}`);
  for (const { from, to, output } of description.edges)
    lines.push(`  ${names.get(from)} ${arrow(output)} ${names.get(to)}`);
  return `${lines.join("\n")}\n`;
}

function shape(id: string, kind: string): string {
  const text = quote(kind === "source" || kind === "sink" || id.startsWith(`${kind}-`) ? id : `${kind}: ${id}`);
  if (kind === "source") return `([${text}])`;
  if (kind === "sink") return `[(${text})]`;
  return `[${text}]`;
}

function quote(text: string): string {
  return `"${text.replaceAll("#", "#35;").replaceAll('"', "#quot;")}"`;
}

function arrow(output: number): string {
  switch (output) {
    case MAIN:
      return "-->";
    case LATE:
      return "-. late .->";
    case ERROR:
      return "-. failed .->";
    default:
      return `-- branch ${output - 2} -->`;
  }
}
