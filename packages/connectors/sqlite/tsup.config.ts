import type { Options } from "tsup";
import { library } from "../../../tsup.base.js";

// The worker is a file of its own beside index.js: a worker thread is started from a path, which no bundler follows.
const config: Options = library({ index: "src/index.ts", "file-worker": "src/file-worker.ts" });
export default config;
