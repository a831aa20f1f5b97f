// node failed-tests.mjs REPORT WORDS: prints how many tests of vitest's JSON report passed and failed, and appends what the failed ones said to WORDS.
// node failed-tests.mjs REPORT --files: prints the files of the failed ones.
import { appendFileSync, readFileSync } from "node:fs";

const MAX_WORDS = 3_000;
const [report, words] = process.argv.slice(2);
const { numPassedTests, numFailedTests, testResults } = JSON.parse(readFileSync(report, "utf8"));

function append() {
  for (const { name, message, status, assertionResults } of testResults) {
    const failed = assertionResults.filter((test) => test.status === "failed");
    if (failed.length === 0 && status === "failed") appendFileSync(words, `FAILED ${name}\n${message}\n\n`);
    for (const { fullName, duration, failureMessages } of failed)
      appendFileSync(
        words,
        `FAILED ${name}\n  ${fullName} (${Math.round(duration ?? 0)} ms)\n${failureMessages.join("\n").slice(0, MAX_WORDS)}\n\n`,
      );
  }
}

if (words === "--files") {
  for (const { name, status } of testResults) if (status === "failed") console.log(name);
} else {
  append();
  console.log(numPassedTests, numFailedTests);
}
