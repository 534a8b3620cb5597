import java.nio.ByteBuffer;
import org.apache.kafka.common.record.*;

/**
 * Prints message sets of the formats 0 and 1 as Kafka's clients of before 0.11 wrote them: a line "format codec time hex" for each.
 * Made test/fixtures/message-sets.json, with kafka-clients 0.10.2.2 and the lz4-java and snappy-java of Kafka 4.3.1 on the class path:
 * java -cp 'kafka-clients-0.10.2.2.jar:lz4-java-1.10.2.jar:snappy-java-1.1.10.7.jar:slf4j-api-1.7.36.jar' MessageSets.java
 */
class MessageSets {
  static final long TIME = 1_700_000_000_000L;

  public static void main(String[] args) {
    for (byte format = 0; format < 2; format++) {
      for (CompressionType codec : CompressionType.values()) {
        for (TimestampType time : new TimestampType[] {TimestampType.CREATE_TIME, TimestampType.LOG_APPEND_TIME}) {
          if (format == 0 && time == TimestampType.LOG_APPEND_TIME) continue;
          StringBuilder hex = new StringBuilder();
          ByteBuffer set = set(format, codec, time);
          while (set.hasRemaining()) hex.append(String.format("%02x", set.get()));
          System.out.println(format + " " + codec.name + " " + time.name + " " + hex);
        }
      }
    }
  }

  /** Five messages from offset 40 on, with a hole at 43 as compaction leaves it; in a compressed set the wrapper has the last offset. */
  static ByteBuffer set(byte format, CompressionType codec, TimestampType time) {
    TimestampType type = format == 0 ? TimestampType.NO_TIMESTAMP_TYPE : time;
    MemoryRecordsBuilder builder = MemoryRecords.builder(ByteBuffer.allocate(4096), format, codec, type, 40L, TIME + 99);
    for (int i = 0; i < 5; i++) {
      byte[] key = i == 1 ? null : ("key-" + i).getBytes();
      byte[] value = i == 2 ? null : "value ".repeat(i + 1).getBytes();
      builder.appendWithOffset(40 + i + (i > 2 ? 1 : 0), format == 0 ? -1 : TIME + (7 * i) % 5, key, value);
    }
    return builder.build().buffer();
  }
}
