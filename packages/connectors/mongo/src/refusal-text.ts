import type { Document, WriteError } from "mongodb";

const MAX_RULES = 20;

/** Why the server refused a write; of a validator the rules that were broken, without the values that broke them. */
export function refusalText({ errmsg = "the write failed", errInfo }: Pick<WriteError, "errmsg" | "errInfo">): string {
  const rules: string[] = [];
  collect((errInfo as Document | undefined)?.details, "", rules);
  return rules.length === 0 ? errmsg : `${errmsg}: ${[...new Set(rules)].slice(0, MAX_RULES).join("; ")}`;
}

/** What the server tells is a tree: rules of properties, in which are rules of properties. */
function collect(node: unknown, path: string, rules: string[]): void {
  if (Array.isArray(node)) {
    for (const each of node) collect(each, path, rules);
    return;
  }
  if (typeof node !== "object" || node === null) return;
  const { propertyName, operatorName, missingProperties, additionalProperties, ...rest } = node as Document;
  const at = typeof propertyName === "string" ? (path === "" ? propertyName : `${path}.${propertyName}`) : path;
  const inner = Object.entries(rest).filter(([name]) => name === "details" || name.endsWith("NotSatisfied"));
  if (Array.isArray(missingProperties)) rules.push(`${named(at)}misses ${missingProperties.join(", ")}`);
  else if (Array.isArray(additionalProperties))
    rules.push(`${named(at)}may not have ${additionalProperties.join(", ")}`);
  else if (typeof operatorName === "string" && inner.length === 0) rules.push(`${named(at)}breaks ${operatorName}`);
  for (const [, value] of inner) collect(value, at, rules);
}

function named(path: string): string {
  return path === "" ? "" : `${path} `;
}
