// node failed-tests.mjs REPORT WORDS: prints how many tests of vitest's JSON report passed and failed, and appends what the failed ones said to WORDS.
import { appendFileSync, readFileSync } from "node:fs";

const MAX_WORDS = 3_000;
const [report, words] = process.argv.slice(2);
const { numPassedTests, numFailedTests, testResults } = JSON.parse(readFileSync(report, "utf8"));
for (const { name, message, status, assertionResults } of testResults) {
  const failed = assertionResults.filter((test) => test.status === "failed");
  if (failed.length === 0 && status === "failed") appendFileSync(words, `FAILED ${name}\n${message}\n\n`);
  for (const { fullName, duration, failureMessages } of failed)
    appendFileSync(
      words,
      `FAILED ${name}\n  ${fullName} (${Math.round(duration ?? 0)} ms)\n${failureMessages.join("\n").slice(0, MAX_WORDS)}\n\n`,
    );
}
console.log(numPassedTests, numFailedTests);
