import { expect, it } from "vitest";
import { refusalText } from "./refusal-text.js";

it("names the rules that were broken, and no values", () => {
  // As MongoDB 5 and newer tell it.
  const details = {
    operatorName: "$jsonSchema",
    schemaRulesNotSatisfied: [
      {
        operatorName: "properties",
        propertiesNotSatisfied: [
          {
            propertyName: "score",
            description: "a score",
            details: [
              {
                operatorName: "minimum",
                specifiedAs: { minimum: 0 },
                reason: "comparison failed",
                consideredValue: -1,
              },
            ],
          },
          {
            propertyName: "address",
            details: [
              {
                operatorName: "properties",
                propertiesNotSatisfied: [
                  {
                    propertyName: "zip",
                    details: [{ operatorName: "bsonType", consideredValue: "secret", consideredType: "string" }],
                  },
                ],
              },
            ],
          },
        ],
      },
      { operatorName: "required", specifiedAs: { required: ["name"] }, missingProperties: ["name"] },
    ],
  };
  const text = refusalText({ errmsg: "Document failed validation", errInfo: { failingDocumentId: 1, details } });
  expect(text).toBe("Document failed validation: score breaks minimum; address.zip breaks bsonType; misses name");
  expect(refusalText({ errmsg: "no", errInfo: undefined } as never)).toBe("no");
  expect(
    refusalText({ errmsg: "no", errInfo: { details: { operatorName: "$gt", reason: "comparison failed" } } }),
  ).toBe("no: breaks $gt");
});
