import type { DatabaseSchema } from "@millrace/mongo";

export const CITIZENS = "citizens";
export const RULES = "scoring_rule_definitions";
export const RULE_SETS = "rule_sets";
export const CONFIGURATIONS = "system_configuration";

const STRING = { bsonType: "string", minLength: 1 } as const;
const WHOLE = { bsonType: ["int", "long"] } as const;

/** What MongoDB refuses by itself, whoever writes: the shape of documents, a second citizen with a nationalID, a second active configuration. */
export const MONGO_SCHEMA: DatabaseSchema = {
  [CITIZENS]: {
    validator: {
      $jsonSchema: {
        bsonType: "object",
        required: ["_id", "nationalID", "name", "demographics", "consent", "flags", "scoreSnapshot", "decisions"],
        additionalProperties: false,
        properties: {
          _id: STRING,
          nationalID: { bsonType: "string", pattern: "^[A-Z0-9-]{5,32}$" },
          name: STRING,
          demographics: {
            bsonType: "object",
            required: ["birthYear", "region"],
            properties: { birthYear: { bsonType: "int" }, region: STRING },
          },
          consent: {
            bsonType: "object",
            required: ["scoring", "profiling", "graph", "marketing"],
            properties: {
              scoring: { bsonType: "bool" },
              profiling: { bsonType: "bool" },
              graph: { bsonType: "bool" },
              marketing: { bsonType: "bool" },
            },
          },
          flags: { bsonType: "array", items: STRING },
          scoreSnapshot: {
            bsonType: "object",
            required: ["score", "raw", "tier", "version"],
            additionalProperties: false,
            properties: {
              score: { bsonType: "int" },
              raw: { bsonType: "double" },
              tier: STRING,
              version: WHOLE,
              lastCalculated: { bsonType: "date" },
              lastEventAt: { bsonType: "date" },
              source: {
                bsonType: "object",
                required: ["partition", "offset"],
                properties: { partition: STRING, offset: WHOLE },
              },
            },
          },
          decisions: { bsonType: "array", items: { bsonType: "object", required: ["e", "p", "o", "t", "d", "x"] } },
        },
      },
    },
    indexes: [
      { key: { nationalID: 1 }, options: { unique: true } },
      { key: { "scoreSnapshot.tier": 1, "scoreSnapshot.score": 1 } },
      { key: { "demographics.region": 1 } },
      { key: { "scoreSnapshot.lastEventAt": 1 } },
    ],
  },
  [RULES]: {
    validator: {
      $jsonSchema: {
        bsonType: "object",
        required: ["_id", "ruleID", "version", "status", "definition"],
        additionalProperties: false,
        properties: {
          _id: STRING,
          ruleID: { bsonType: "string", pattern: "^[a-z][a-z0-9-]{1,63}$" },
          version: WHOLE,
          status: { enum: ["draft", "active", "paused", "retired"] },
          definition: { bsonType: "object", required: ["match", "points", "priority", "reason"] },
        },
      },
    },
    indexes: [{ key: { ruleID: 1, version: 1 }, options: { unique: true } }],
  },
  [RULE_SETS]: {
    validator: {
      $jsonSchema: {
        bsonType: "object",
        required: ["_id", "rules"],
        additionalProperties: false,
        properties: { _id: STRING, rules: { bsonType: "array", items: { bsonType: "object" } } },
      },
    },
  },
  [CONFIGURATIONS]: {
    validator: {
      $jsonSchema: {
        bsonType: "object",
        required: ["_id", "configuration"],
        additionalProperties: false,
        properties: {
          _id: WHOLE,
          active: { enum: [true] },
          configuration: { bsonType: "object", required: ["version", "baseline", "bounds", "tiers", "ruleSetVersion"] },
        },
      },
    },
    indexes: [{ key: { active: 1 }, options: { unique: true, partialFilterExpression: { active: true } } }],
  },
};
