import type { Options } from "tsup";
import { library } from "../../tsup.base.js";

const config: Options = library({ index: "src/index.ts", servers: "src/servers/index.ts" });
export default config;
