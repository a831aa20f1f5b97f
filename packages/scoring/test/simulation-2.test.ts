import { simulationSuite } from "./simulate-seeds.js";

simulationSuite(151);
