import java.util.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;

/**
 * The Java clients of Kafka 0.9 and 0.10: writes messages in a codec, reads them as a group in two sittings, and prints what it saw.
 * Arguments: bootstrap, topic, codec, count.
 */
class OldConsumer {
  public static void main(String[] args) throws Exception {
    String bootstrap = args[0], topic = args[1], codec = args[2];
    int count = Integer.parseInt(args[3]);
    Properties p = new Properties();
    p.put("bootstrap.servers", bootstrap);
    p.put("compression.type", codec);
    p.put("linger.ms", "5");
    p.put("key.serializer", "org.apache.kafka.common.serialization.StringSerializer");
    p.put("value.serializer", "org.apache.kafka.common.serialization.StringSerializer");
    try (KafkaProducer<String, String> producer = new KafkaProducer<>(p)) {
      for (int i = 0; i < count; i++) producer.send(new ProducerRecord<>(topic, i % 3 == 0 ? null : "k" + i, i % 5 == 1 ? null : "value " + i));
      producer.flush();
    }
    Properties c = new Properties();
    c.put("bootstrap.servers", bootstrap);
    c.put("group.id", "of " + topic);
    c.put("enable.auto.commit", "false");
    c.put("auto.offset.reset", "earliest");
    c.put("max.partition.fetch.bytes", "2000");
    c.put("key.deserializer", "org.apache.kafka.common.serialization.StringDeserializer");
    c.put("value.deserializer", "org.apache.kafka.common.serialization.StringDeserializer");
    int seen = 0;
    for (int until : new int[] {count / 2, count}) {
      try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(c)) {
        consumer.subscribe(Collections.singletonList(topic));
        while (seen < until) {
          for (ConsumerRecord<String, String> record : consumer.poll(1000)) {
            if (seen >= until) break;
            System.out.println(record.offset() + " " + record.key() + " " + record.value());
            seen++;
            consumer.commitSync(Collections.singletonMap(new TopicPartition(topic, 0), new OffsetAndMetadata(record.offset() + 1, "n" + seen)));
          }
        }
        System.out.println("committed " + consumer.committed(new TopicPartition(topic, 0)).offset());
      }
    }
  }
}
