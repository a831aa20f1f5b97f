/** A column's type as the protocol describes it: a code, and what is inside of it. */
export interface CellType {
  readonly code: number;
  readonly info?: unknown;
}

/** The codes of the protocol. */
export const TYPES = {
  custom: 0x00,
  ascii: 0x01,
  bigint: 0x02,
  blob: 0x03,
  boolean: 0x04,
  counter: 0x05,
  decimal: 0x06,
  double: 0x07,
  float: 0x08,
  int: 0x09,
  text: 0x0a,
  timestamp: 0x0b,
  uuid: 0x0c,
  varchar: 0x0d,
  varint: 0x0e,
  timeuuid: 0x0f,
  inet: 0x10,
  date: 0x11,
  time: 0x12,
  smallint: 0x13,
  tinyint: 0x14,
  duration: 0x15,
  list: 0x20,
  map: 0x21,
  set: 0x22,
  udt: 0x30,
  tuple: 0x31,
} as const;

const NAMES: ReadonlyMap<number, string> = new Map(Object.entries(TYPES).map(([name, code]) => [code, name]));

/** What a type is called in CQL. */
export function typeName({ code, info }: CellType): string {
  if (code === TYPES.varchar) return "text";
  if (code === TYPES.list || code === TYPES.set) return `${NAMES.get(code)}<${typeName(info as CellType)}>`;
  if (code === TYPES.map) return `map<${(info as CellType[]).map(typeName).join(", ")}>`;
  return NAMES.get(code) ?? `type ${code}`;
}

/** The fields of a user-defined type. */
export function fieldsOf({ info }: CellType): readonly { readonly name: string; readonly type: CellType }[] {
  return (info as { readonly fields: readonly { readonly name: string; readonly type: CellType }[] }).fields;
}
