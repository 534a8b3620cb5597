import java.nio.ByteBuffer;
import java.util.*;
import kafka.api.FetchRequestBuilder;
import kafka.api.PartitionOffsetRequestInfo;
import kafka.common.OffsetAndMetadata;
import kafka.common.TopicAndPartition;
import kafka.javaapi.*;
import kafka.javaapi.consumer.SimpleConsumer;
import kafka.javaapi.producer.Producer;
import kafka.message.MessageAndOffset;
import kafka.producer.KeyedMessage;
import kafka.producer.ProducerConfig;

/**
 * The Scala clients of Kafka 0.8.2: writes messages in a codec, looks up the ends, reads everything and keeps an offset, as ZooKeeper's (0)
 * and as Kafka's (1), and prints what it saw. Arguments: host, port, topic, codec, count (0: only reads).
 */
class OldScala {
  public static void main(String[] args) throws Exception {
    String host = args[0], topic = args[2];
    int port = Integer.parseInt(args[1]), count = Integer.parseInt(args[4]);
    Properties p = new Properties();
    p.put("metadata.broker.list", host + ":" + port);
    p.put("serializer.class", "kafka.serializer.StringEncoder");
    p.put("request.required.acks", "-1");
    p.put("compression.codec", args[3]);
    Producer<String, String> producer = new Producer<>(new ProducerConfig(p));
    for (int i = 0; i < count; ) {
      List<KeyedMessage<String, String>> some = new ArrayList<>();
      for (int n = 0; n < 20 && i < count; n++, i++) some.add(new KeyedMessage<>(topic, i % 3 == 0 ? null : "k" + i, "value " + i));
      producer.send(some);
    }
    producer.close();

    SimpleConsumer consumer = new SimpleConsumer(host, port, 10_000, 64 * 1024, "old");
    TopicMetadata metadata = consumer.send(new TopicMetadataRequest(List.of(topic))).topicsMetadata().get(0);
    System.out.println("leader " + metadata.partitionsMetadata().get(0).leader().port() + " error " + metadata.errorCode());
    for (long time : new long[] {kafka.api.OffsetRequest.EarliestTime(), kafka.api.OffsetRequest.LatestTime()}) {
      Map<TopicAndPartition, PartitionOffsetRequestInfo> ask = Map.of(new TopicAndPartition(topic, 0), new PartitionOffsetRequestInfo(time, 5));
      OffsetResponse ends = consumer.getOffsetsBefore(new OffsetRequest(ask, kafka.api.OffsetRequest.CurrentVersion(), "old"));
      System.out.println("ends " + Arrays.toString(ends.offsets(topic, 0)));
    }
    long offset = 0;
    // Nothing new is the end.
    for (long before = -1; before < offset; ) {
      before = offset;
      FetchResponse answer = consumer.fetch(new FetchRequestBuilder().clientId("old").addFetch(topic, 0, offset, 1000).build());
      if (answer.hasError()) throw new Exception("error " + answer.errorCode(topic, 0));
      for (MessageAndOffset each : answer.messageSet(topic, 0)) {
        if (each.offset() < offset) continue;
        System.out.println(each.offset() + " " + text(each.message().key()) + " " + text(each.message().payload()));
        offset = each.nextOffset();
      }
    }
    TopicAndPartition place = new TopicAndPartition(topic, 0);
    for (short version = 0; version < 2; version++) {
      OffsetAndMetadata mark = new OffsetAndMetadata(offset - version, "v" + version, version == 0 ? -1L : System.currentTimeMillis());
      short error = (Short) consumer.commitOffsets(new OffsetCommitRequest("g", new HashMap<>(Map.of(place, mark)), 1, "old", version)).errorCode(place);
      kafka.common.OffsetMetadataAndError found = consumer.fetchOffsets(new OffsetFetchRequest("g", List.of(place), version, 2, "old")).offsets().get(place);
      System.out.println("commit " + error + " then " + found.offset() + " " + found.metadata() + " " + found.error());
    }
    consumer.close();
  }

  static String text(ByteBuffer bytes) {
    if (bytes == null) return "null";
    byte[] copy = new byte[bytes.remaining()];
    bytes.get(copy);
    return new String(copy);
  }
}
