package bench;

import org.apache.flink.api.common.functions.AggregateFunction;
import org.apache.flink.streaming.api.functions.sink.SinkFunction;
import org.apache.flink.streaming.api.functions.windowing.ProcessWindowFunction;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;
import org.apache.flink.util.Collector;

/** Count and sum of one window of one user, and what is made of them. */
public class Sums {
  public String key;
  public long start;
  public long count;
  public long sum;

  static final class Add implements AggregateFunction<Event, Sums, Sums> {
    @Override
    public Sums createAccumulator() {
      return new Sums();
    }

    @Override
    public Sums add(Event event, Sums sums) {
      sums.count++;
      sums.sum += event.amount;
      return sums;
    }

    @Override
    public Sums getResult(Sums sums) {
      return sums;
    }

    @Override
    public Sums merge(Sums left, Sums right) {
      left.count += right.count;
      left.sum += right.sum;
      return left;
    }
  }

  static final class Label extends ProcessWindowFunction<Sums, Sums, String, TimeWindow> {
    @Override
    public void process(String key, Context context, Iterable<Sums> results, Collector<Sums> out) {
      for (Sums result : results) {
        Sums labelled = new Sums();
        labelled.key = key;
        labelled.start = context.window().getStart();
        labelled.count = result.count;
        labelled.sum = result.sum;
        out.collect(labelled);
      }
    }
  }

  /** Adds results up in any order, as ResultChecksum of windows/event.ts does. */
  static final class Checksum implements SinkFunction<Sums> {
    static volatile long value;

    @Override
    public void invoke(Sums result, Context context) {
      long user = Long.parseLong(result.key.substring(5));
      value +=
          user * 31
              + (result.start / Event.MINUTE_MS - Event.START_MS / Event.MINUTE_MS + 10) * 7
              + result.count * 13
              + result.sum;
    }
  }
}
