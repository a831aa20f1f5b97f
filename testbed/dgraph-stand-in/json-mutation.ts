import type { NodeName, Statement } from "./n-quad-parser.js";
import { Refusal } from "./refusal.js";
import type { Scalar } from "./scalar.js";

/** Reads a JSON mutation: objects with `uid`, values, lists, nested nodes and `predicate|facet` keys. */
export function parseJsonMutation(text: string, deletes: boolean): Statement[] {
  const statements: Statement[] = [];
  let blanks = 0;
  const nodeOf = (object: Record<string, unknown>): NodeName => {
    const { uid } = object;
    if (uid === undefined) return { blank: `json.${blanks++}` };
    if (typeof uid !== "string") throw new Refusal("uid must be a string");
    const variable = /^uid\((\w+)\)$/.exec(uid)?.[1];
    if (variable !== undefined) return { variable };
    if (/^0x[0-9a-fA-F]+$/.test(uid)) return { uid: Number(uid) };
    if (uid.startsWith("_:")) return { blank: uid.slice(2) };
    throw new Refusal(`invalid uid ${JSON.stringify(uid)}`);
  };
  const visit = (object: Record<string, unknown>): NodeName => {
    const subject = nodeOf(object);
    const add = (key: string, value: unknown): void => {
      const [predicate = "", language = ""] = key.split("@");
      const push = (target: Statement["target"], facets: ReadonlyMap<string, Scalar> = new Map()): void => {
        statements.push({ subject, predicate, language, target, facets });
      };
      if (value === null) {
        if (deletes) push({ kind: "all" });
        return;
      }
      if (Array.isArray(value)) for (const each of value) add(key, each);
      else if (typeof value === "object" && !("coordinates" in value)) {
        const child = value as Record<string, unknown>;
        const node = visit(child);
        const facets = Object.entries(child).filter(([name]) => name.startsWith(`${predicate}|`));
        push(
          { kind: "node", node },
          new Map(facets.map(([name, facet]) => [name.slice(predicate.length + 1), scalarOf(facet)])),
        );
      } else push({ kind: "value", value: scalarOf(value) });
    };
    for (const [key, value] of Object.entries(object)) if (key !== "uid" && !key.includes("|")) add(key, value);
    if (deletes && Object.keys(object).length === 1)
      statements.push({ subject, predicate: "*", language: "", target: { kind: "all" }, facets: new Map() });
    return subject;
  };
  const parsed: unknown = JSON.parse(text);
  for (const each of Array.isArray(parsed) ? parsed : [parsed]) visit(each as Record<string, unknown>);
  return statements;
}

function scalarOf(value: unknown): Scalar {
  if (typeof value === "string") return { kind: "default", text: value };
  if (typeof value === "boolean") return { kind: "bool", text: String(value) };
  if (typeof value === "number") return { kind: Number.isInteger(value) ? "int" : "float", text: String(value) };
  return { kind: "geo", text: JSON.stringify(value) };
}
