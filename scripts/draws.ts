/** `.ci/run` sets it from the commit: what property tests draw is then the same for the same source. Without it each run draws anew. */
const { MILLRACE_DRAWS } = process.env;
if (MILLRACE_DRAWS !== undefined) {
  const { configureGlobal } = await import("fast-check");
  configureGlobal({ seed: Number(MILLRACE_DRAWS) });
}

export {};
