import java.util.Properties;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;

/** Writes numbered texts by Kafka's own client: brokers and how many, then a topic and its codec for each. */
public class CompressedProducer {
  public static void main(String[] args) throws Exception {
    for (int i = 2; i < args.length; i += 2) {
      Properties options = new Properties();
      options.put("bootstrap.servers", args[0]);
      options.put("compression.type", args[i + 1]);
      // Batches of more than 1 MB: several blocks of snappy, and frames of zstd that do not say how large they are.
      options.put("linger.ms", "300");
      options.put("batch.size", "4000000");
      options.put("max.request.size", "4000000");
      try (KafkaProducer<String, String> producer =
          new KafkaProducer<>(options, new StringSerializer(), new StringSerializer())) {
        for (int n = 0; n < Integer.parseInt(args[1]); n++)
          producer.send(new ProducerRecord<>(args[i], "key " + n, "value " + n + " " + "abcdefghij".repeat(20)));
      }
    }
  }
}
