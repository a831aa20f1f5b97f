import { simulationSuite } from "./simulate-seeds.js";

simulationSuite(1);
