package bench;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;

/** What windows/event.ts makes, from the same sequence of numbers. */
public class Event {
  static final long MINUTE_MS = 60_000;
  static final long DISORDER_MS = 5_000;
  static final long START_MS = 1_700_000_040_000L;
  private static final int USERS = 10_000;
  private static final ObjectMapper JSON = new ObjectMapper();

  public String id;
  public String user;
  public long amount;
  public long ts;
  public String type;
  public String region;
  public String device;
  public String note;

  static Event parse(String line) {
    try {
      return JSON.readValue(line, Event.class);
    } catch (JsonProcessingException error) {
      throw new IllegalStateException(error);
    }
  }

  static Event[] make(int size) {
    Sequence random = new Sequence();
    Event[] events = new Event[size];
    for (int i = 0; i < size; i++) {
      Event event = new Event();
      event.id = String.format("event-%010d", i);
      event.user = String.format("user-%06d", random.below(USERS));
      event.amount = 1 + random.below(10_000);
      event.ts = START_MS + (long) i * 5 / 2 - random.below((int) DISORDER_MS);
      event.type = random.below(10) == 0 ? "heartbeat" : "purchase";
      event.region = "eu-central";
      event.device = "a1b2c3d4e5f6";
      event.note = "a line of free text that nobody reads but that has to be parsed all the same";
      events[i] = event;
    }
    return events;
  }

  static String[] lines(Event[] events) {
    String[] lines = new String[events.length];
    try {
      for (int i = 0; i < lines.length; i++) lines[i] = JSON.writeValueAsString(events[i]);
    } catch (JsonProcessingException error) {
      throw new IllegalStateException(error);
    }
    return lines;
  }

  private static final class Sequence {
    private int state = (int) 2_463_534_242L;

    int below(int bound) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      return (int) (Integer.toUnsignedLong(state) % bound);
    }
  }
}
