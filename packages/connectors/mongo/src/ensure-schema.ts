import { isDeepStrictEqual } from "node:util";
import { requireArgument, StreamError } from "@millrace/core";
import { BSON, type CreateIndexesOptions, type Db, type Document, type IndexDescriptionInfo } from "mongodb";
import { type MongoConnection, openClient, requireConnection } from "./mongo-connection.js";
import { classify, codeOf, NAMESPACE_EXISTS } from "./mongo-errors.js";

/** What a collection must be. */
export interface CollectionSchema {
  /** A query every document must fit, most often `{ $jsonSchema: … }`. Left out: as it is; `{}`: none. */
  readonly validator?: Document;
  /** Whether documents that do not fit already may be changed ("strict": no). */
  readonly validationLevel?: "strict" | "moderate" | "off";
  /** Refuse, or only log ("error"). */
  readonly validationAction?: "error" | "warn";
  readonly indexes?: readonly {
    readonly key: Readonly<Record<string, 1 | -1 | "text" | "2dsphere" | "hashed">>;
    /** `unique`, `name`, `partialFilterExpression`, `expireAfterSeconds`, `sparse`, `collation`, … */
    readonly options?: CreateIndexesOptions;
  }[];
  /** Keep documents as they were and are for change streams. */
  readonly changeStreamPreAndPostImages?: boolean;
  /** Of a new collection only: `collation`, `capped`, `timeseries`, `clusteredIndex`, … */
  readonly create?: Document;
}

/** Collections by name. */
export type DatabaseSchema = Readonly<Record<string, CollectionSchema>>;

/** Options of {@link ensureSchema}. */
export interface EnsureSchemaOptions {
  /** Change nothing, only tell (false). */
  readonly check?: boolean;
}

/** Where a collection is not as the schema says. */
export interface SchemaDifference {
  readonly collection: string;
  readonly what: "collection" | "validator" | "index" | "images" | "option" | "extra-index";
  readonly detail: string;
  /** It is now as the schema says. An index that the schema does not name is only told. */
  readonly applied: boolean;
}

const DEFAULTS = { validationLevel: "strict", validationAction: "error" } as const;
/** Options that make another index of the same key. */
const INDEX_OPTIONS = [
  "unique",
  "sparse",
  "partialFilterExpression",
  "expireAfterSeconds",
  "collation",
  "hidden",
  "weights",
];

/**
 * Makes collections, validators and indexes as they are described, and tells where something was not so. Done twice it does nothing the second time. It deletes nothing: what can
 * not be had without that (an index with other options, another collation) fails with `E_MONGO_SCHEMA`, unless `check` asks only to be told.
 *
 * @example
 * ```ts
 * import { ensureSchema } from "@millrace/mongo";
 * const differences = await ensureSchema(
 *   { url: "mongodb://127.0.0.1:27017", database: "app" },
 *   {
 *     citizens: {
 *       validator: { $jsonSchema: { bsonType: "object", required: ["score"], properties: { score: { bsonType: "int" } } } },
 *       indexes: [{ key: { nationalID: 1 }, options: { unique: true } }],
 *     },
 *   },
 * );
 * for (const { collection, what, detail } of differences) console.log(collection, what, detail);
 * ```
 */
export async function ensureSchema(
  connection: MongoConnection,
  schema: DatabaseSchema,
  { check = false }: EnsureSchemaOptions = {},
): Promise<readonly SchemaDifference[]> {
  requireConnection(connection, "ensureSchema");
  requireArgument(typeof schema === "object" && schema !== null, "ensureSchema: schema must name collections");
  // An index of a large collection takes longer than any answer of ours.
  const patient =
    "client" in connection ? connection : { ...connection, options: { socketTimeoutMS: 0, ...connection.options } };
  const open = await openClient(patient);
  try {
    const differences: SchemaDifference[] = [];
    for (const [name, wanted] of Object.entries(schema))
      differences.push(...(await new CollectionCheck(open.db, name, wanted, !check).run()));
    const left = differences.filter(({ applied, what }) => !applied && what !== "extra-index");
    if (left.length === 0 || check) return differences;
    throw new StreamError(
      "E_MONGO_SCHEMA",
      `database "${connection.database}" can not be made as the schema says without deleting something: ${left.map(({ collection, detail }) => `${collection}: ${detail}`).join("; ")}. Drop what is in the way by hand, or change the schema`,
    );
  } catch (error) {
    throw error instanceof StreamError ? error : classify(error);
  } finally {
    await open.close();
  }
}

class CollectionCheck {
  readonly #db: Db;
  readonly #name: string;
  readonly #wanted: CollectionSchema;
  readonly #apply: boolean;
  readonly #differences: SchemaDifference[] = [];

  constructor(db: Db, name: string, wanted: CollectionSchema, apply: boolean) {
    this.#db = db;
    this.#name = name;
    this.#wanted = wanted;
    this.#apply = apply;
  }

  async run(): Promise<SchemaDifference[]> {
    const found = await this.#options();
    if (found === undefined) await this.#make();
    // Another process may have made it meanwhile.
    const options = found ?? (this.#apply ? await this.#options() : undefined);
    if (options !== undefined) {
      await this.#validator(options);
      await this.#images(options);
      this.#creation(options);
    }
    await this.#indexes(options !== undefined);
    return this.#differences;
  }

  async #options(): Promise<Document | undefined> {
    const [found] = await this.#db.listCollections({ name: this.#name }).toArray();
    return found === undefined ? undefined : ((found as { readonly options?: Document }).options ?? {});
  }

  async #make(): Promise<void> {
    const { validator, validationLevel, validationAction, changeStreamPreAndPostImages, create = {} } = this.#wanted;
    this.#tell("collection", "is not there", this.#apply);
    if (!this.#apply) return;
    try {
      await this.#db.createCollection(this.#name, {
        ...create,
        ...(validator === undefined || isEmpty(validator)
          ? {}
          : { ...DEFAULTS, validator, ...defined({ validationLevel, validationAction }) }),
        ...(changeStreamPreAndPostImages === true ? { changeStreamPreAndPostImages: { enabled: true } } : {}),
      });
    } catch (error) {
      if (codeOf(error) !== NAMESPACE_EXISTS) throw error;
    }
  }

  async #validator(options: Document): Promise<void> {
    const { validator, validationLevel, validationAction } = this.#wanted;
    if (validator === undefined) return;
    const wanted = { validator, ...DEFAULTS, ...defined({ validationLevel, validationAction }) };
    const is = {
      validator: (options.validator ?? {}) as Document,
      validationLevel: (options.validationLevel ?? DEFAULTS.validationLevel) as string,
      validationAction: (options.validationAction ?? DEFAULTS.validationAction) as string,
    };
    const different = isEmpty(validator) && isEmpty(is.validator) ? false : !same(is, wanted);
    if (!different) return;
    if (this.#apply) await this.#db.command({ collMod: this.#name, ...wanted });
    this.#tell("validator", "the validator is another one", this.#apply);
  }

  async #images(options: Document): Promise<void> {
    const { changeStreamPreAndPostImages: wanted } = this.#wanted;
    const is = (options.changeStreamPreAndPostImages as { readonly enabled?: boolean } | undefined)?.enabled === true;
    if (wanted === undefined || wanted === is) return;
    if (this.#apply) await this.#db.command({ collMod: this.#name, changeStreamPreAndPostImages: { enabled: wanted } });
    this.#tell("images", `images of documents are ${is ? "kept" : "not kept"}`, this.#apply);
  }

  #creation(options: Document): void {
    for (const [option, value] of Object.entries(this.#wanted.create ?? {}))
      if (!contains(options[option], value))
        this.#tell("option", `${option} is ${text(options[option])}, not ${text(value)}`, false);
  }

  async #indexes(there: boolean): Promise<void> {
    const wanted = this.#wanted.indexes ?? [];
    const collection = this.#db.collection(this.#name);
    const found = there ? await collection.indexes() : [];
    const met = new Set<string | undefined>(["_id_"]);
    for (const { key, options = {} } of wanted) {
      const inWay = found.find(
        (index) => sameKey(index, key) || (index.name !== undefined && index.name === options.name),
      );
      met.add(inWay?.name);
      if (inWay === undefined) {
        if (this.#apply) await collection.createIndex({ ...key }, options);
        this.#tell("index", `index ${text(key)} is not there`, this.#apply);
        continue;
      }
      const different = INDEX_OPTIONS.filter((option) => !sameOption(inWay, options, option));
      if (sameKey(inWay, key) && different.length === 0) continue;
      this.#tell(
        "index",
        `index ${text(key)} is there as "${inWay.name}" with ${sameKey(inWay, key) ? `another ${different.join(", ")}` : `the key ${text(inWay.key)}`}`,
        false,
      );
    }
    for (const { name, key } of found)
      if (!met.has(name)) this.#tell("extra-index", `index "${name}" ${text(key)} is not in the schema`, false);
  }

  #tell(what: SchemaDifference["what"], detail: string, applied: boolean): void {
    this.#differences.push({ collection: this.#name, what, detail, applied });
  }
}

/** Text indexes are stored under another key, so the name has to do for them. */
function sameKey(index: IndexDescriptionInfo, key: Document): boolean {
  if (Object.values(key).includes("text"))
    return (
      Object.keys((index as { readonly weights?: Document }).weights ?? {})
        .sort()
        .join() ===
      Object.entries(key)
        .filter(([, kind]) => kind === "text")
        .map(([field]) => field)
        .sort()
        .join()
    );
  return isDeepStrictEqual(Object.entries(index.key), Object.entries(key));
}

function sameOption(index: IndexDescriptionInfo, wanted: CreateIndexesOptions, option: string): boolean {
  const [is, should] = [(index as Document)[option], (wanted as Document)[option]];
  // The server fills in what a collation leaves open, and the weights of a text index.
  if (should === undefined) return option === "weights" || option === "collation" || is === undefined || is === false;
  return contains(is ?? false, should);
}

/** All that is wanted is there; the server may have filled in more. */
function contains(is: unknown, wanted: unknown): boolean {
  if (typeof wanted !== "object" || wanted === null || Array.isArray(wanted)) return same(is, wanted);
  return Object.entries(wanted).every(([name, value]) => contains((is as Document | undefined)?.[name], value));
}

/** Equal as MongoDB stores it: 1 and Int32(1) are. */
function same(left: unknown, right: unknown): boolean {
  return text(left) === text(right);
}

function text(value: unknown): string {
  return BSON.EJSON.stringify(value) ?? "missing";
}

function isEmpty(document: Document): boolean {
  return Object.keys(document).length === 0;
}

function defined<T extends object>(values: T): Partial<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>;
}
