import java.time.Duration;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.EmitStrategy;
import org.apache.kafka.streams.kstream.KGroupedStream;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.state.Stores;

/** The keyed counts of task.ts in Kafka Streams: StreamsBench JOB STORE BOOTSTRAP APPLICATION INPUT OUTPUT WINDOW_MS STATE_DIR; STORE is memory or rocksdb. */
public class StreamsBench {
  public static void main(String[] args) {
    boolean inMemory = args[1].equals("memory");
    Properties config = new Properties();
    config.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, args[2]);
    config.put(StreamsConfig.APPLICATION_ID_CONFIG, args[3]);
    config.put(StreamsConfig.STATE_DIR_CONFIG, args[7]);
    config.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
    config.put("auto.offset.reset", "earliest");
    config.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, Integer.parseInt(args[8]));
    // Every update comes out: the same records as ours.
    config.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 0);
    Serde<String> string = Serdes.String();
    Serde<Long> number = Serdes.Long();
    Duration size = Duration.ofMillis(Long.parseLong(args[6]));
    // It looks for windows that are over once a second, in which much event time passes here: what was shorter would lose some.
    Duration retention = size.multipliedBy(20);

    StreamsBuilder builder = new StreamsBuilder();
    KGroupedStream<String, byte[]> records = builder.stream(args[4], Consumed.with(string, Serdes.ByteArray())).groupByKey();
    if (args[0].equals("count")) {
      records.count((inMemory ? Materialized.<String, Long>as(Stores.inMemoryKeyValueStore("counts")) : Materialized.<String, Long>as(Stores.persistentKeyValueStore("counts"))).withKeySerde(string).withValueSerde(number))
          .toStream()
          .to(args[5], Produced.with(string, number));
    } else {
      records.windowedBy(TimeWindows.ofSizeWithNoGrace(size))
          .emitStrategy(EmitStrategy.onWindowClose())
          .count((inMemory ? Materialized.<String, Long>as(Stores.inMemoryWindowStore("counts", retention, size, false)) : Materialized.<String, Long>as(Stores.persistentTimestampedWindowStore("counts", retention, size, false))).withKeySerde(string).withValueSerde(number))
          .toStream()
          .map((window, count) -> KeyValue.pair(window.key() + "@" + window.window().start(), count))
          .to(args[5], Produced.with(string, number));
    }
    new KafkaStreams(builder.build(), config).start();
  }
}
