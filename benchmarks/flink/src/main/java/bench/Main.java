package bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.Map;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.configuration.RestOptions;
import org.apache.flink.configuration.TaskManagerOptions;
import org.apache.flink.runtime.minicluster.MiniCluster;
import org.apache.flink.runtime.minicluster.MiniClusterConfiguration;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.windowing.assigners.SlidingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.assigners.TumblingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.assigners.WindowAssigner;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;

/**
 * Runs one workload on a Flink MiniCluster, told and answering as child.ts does: a task as JSON in the first argument, a report as JSON
 * on the last line. The cluster is up before the clock starts; what a job costs to start is measured.
 */
public final class Main {
  private static final int WARM_UPS = 2;
  private static final int WARM_UP_PART = 5;

  private Main() {}

  public static void main(String[] args) throws Exception {
    JsonNode task = new ObjectMapper().readTree(args[0]);
    String workload = task.get("workload").asText();
    int size = task.get("size").asInt();
    double leastCpuMs = task.get("leastCpuMs").asDouble();
    Configuration configuration = new Configuration();
    configuration.set(RestOptions.BIND_ADDRESS, "127.0.0.1");
    configuration.set(RestOptions.BIND_PORT, "0");
    configuration.set(TaskManagerOptions.NETWORK_MEMORY_MIN, MemorySize.ofMebiBytes(64));
    configuration.set(TaskManagerOptions.NETWORK_MEMORY_MAX, MemorySize.ofMebiBytes(64));
    configuration.set(TaskManagerOptions.MANAGED_MEMORY_SIZE, MemorySize.ofMebiBytes(64));
    MiniClusterConfiguration cluster =
        new MiniClusterConfiguration.Builder()
            .setConfiguration(configuration)
            .setNumTaskManagers(1)
            .setNumSlotsPerTaskManager(1)
            .build();
    try (MiniCluster flink = new MiniCluster(cluster)) {
      flink.start();
      for (int i = 0; i < WARM_UPS; i++) {
        prepare(size / WARM_UP_PART, workload);
        run(flink, workload);
      }
      prepare(size, workload);
      System.gc();
      double before = cpuMs();
      int runs = 0;
      double spent;
      do {
        run(flink, workload);
        runs++;
        spent = cpuMs() - before;
      } while (spent < leastCpuMs);
      Map<String, Object> report = Map.of("checksum", Sums.Checksum.value, "rate", size * (double) runs / (spent / 1000));
      System.out.println(new ObjectMapper().writeValueAsString(report));
    }
    System.exit(0);
  }

  private static boolean parses(String workload) {
    return workload.equals("W5") || workload.equals("W6json");
  }

  private static void prepare(int size, String workload) {
    Event[] events = Event.make(size);
    Inputs.events = parses(workload) ? null : events;
    Inputs.lines = parses(workload) ? Event.lines(events) : null;
  }

  private static void run(MiniCluster flink, String workload) throws Exception {
    StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
    env.setParallelism(1);
    env.getConfig().enableObjectReuse();
    DataStream<Event> events =
        parses(workload)
            ? env.addSource(new Inputs.Lines()).returns(String.class).map(Event::parse).returns(Event.class)
            : env.addSource(new Inputs.Events()).returns(Event.class);
    WindowAssigner<Object, TimeWindow> windows =
        workload.startsWith("W6")
            ? SlidingEventTimeWindows.of(Duration.ofMinutes(10), Duration.ofMinutes(1))
            : TumblingEventTimeWindows.of(Duration.ofMinutes(1));
    Sums.Checksum.value = 0;
    events
        .filter(event -> event.type.equals("purchase"))
        .assignTimestampsAndWatermarks(
            WatermarkStrategy.<Event>forBoundedOutOfOrderness(Duration.ofMillis(Event.DISORDER_MS))
                .withTimestampAssigner((event, time) -> event.ts))
        .keyBy(event -> event.user)
        .window(windows)
        .aggregate(new Sums.Add(), new Sums.Label())
        .addSink(new Sums.Checksum());
    flink.executeJobBlocking(env.getStreamGraph().getJobGraph());
  }

  /** CPU time of all threads of this process. */
  private static double cpuMs() {
    return ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean()).getProcessCpuTime() / 1e6;
  }
}
