/** A function of a root or a filter: `eq(name, "x")`, `uid(v)`, `eq(len(v), 0)`. */
export interface Call {
  readonly name: string;
  readonly attribute: string;
  /** `len(v)` stands where the predicate would. */
  readonly length: boolean;
  readonly values: readonly string[];
}

export type Filter =
  | { readonly kind: "call"; readonly call: Call }
  | { readonly kind: "and" | "or"; readonly parts: readonly Filter[] }
  | { readonly kind: "not"; readonly part: Filter };

export interface Paging {
  readonly first: number | undefined;
  readonly offset: number;
  readonly after: number;
}

/** What is read of a node. */
export interface Field {
  readonly name: string;
  readonly alias: string | undefined;
  readonly language: string | undefined;
  readonly variable: string | undefined;
  readonly count: boolean;
  readonly facets: boolean;
  /** `@facets(le(since, "…"))`: only edges whose facets fit. */
  readonly facetFilter: Filter | undefined;
  readonly paging: Paging;
  readonly filter: Filter | undefined;
  readonly fields: readonly Field[];
}

/** A named block, or one that only fills variables. */
export interface Block {
  readonly name: string;
  readonly variable: string | undefined;
  readonly root: Call;
  readonly paging: Paging;
  readonly filter: Filter | undefined;
  readonly fields: readonly Field[];
}
