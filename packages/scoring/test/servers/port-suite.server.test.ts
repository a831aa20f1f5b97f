import { ServerPorts } from "../../src/servers/server-ports.js";
import { portSuite } from "../../src/testing/port-suite.js";
import { dropNamespace, freshNamespace, servers } from "./namespaces.js";

portSuite("on servers", async ({ profiles, configuration, rules }) => {
  const namespace = freshNamespace("suite");
  const citizens = profiles.map((profile, i) => ({ profile, nationalID: `SIM-${i}`, name: "Somebody" }));
  const ports = await ServerPorts.open({
    servers,
    namespace,
    configuration,
    rules,
    citizens,
    partitions: 1,
    // The suite's rows are of 1970.
    retention: { rawEvents: "forever", derivedMetrics: "forever" },
  });
  const teardown = async (): Promise<void> => {
    await ports.close();
    await dropNamespace(namespace);
  };
  return { ports, contents: ports.contents, teardown };
});
