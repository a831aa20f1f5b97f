package bench;

import org.apache.flink.streaming.api.functions.source.SourceFunction;

/** The input of a run, made before it and handed over within the process, so that no file or socket is measured. */
final class Inputs {
  static volatile Event[] events;
  static volatile String[] lines;

  private Inputs() {}

  static final class Events implements SourceFunction<Event> {
    @Override
    public void run(SourceContext<Event> context) {
      for (Event event : events) context.collect(event);
    }

    @Override
    public void cancel() {}
  }

  static final class Lines implements SourceFunction<String> {
    @Override
    public void run(SourceContext<String> context) {
      for (String line : lines) context.collect(line);
    }

    @Override
    public void cancel() {}
  }
}
