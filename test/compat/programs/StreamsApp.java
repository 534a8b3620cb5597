import java.time.Duration;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.JoinWindows;
import org.apache.kafka.streams.kstream.Joined;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.StreamJoined;

/**
 * A shop in Kafka Streams: StreamsApp BOOTSTRAP STATE_DIR [NAME=VALUE]... Says each state that it comes to, and each error.
 *
 * orders (customer: "id product"), payments (id: amount) and customers (customer: name) become counts (product: how many, by a repartition topic),
 * totals (customer: "orders sum-of-ids"), named (customer: "id product name", by a table) and paid (id: "product amount", by a windowed join).
 */
public class StreamsApp {
  public static void main(String[] args) {
    Properties config = new Properties();
    config.put(StreamsConfig.APPLICATION_ID_CONFIG, "shop");
    config.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, args[0]);
    config.put(StreamsConfig.STATE_DIR_CONFIG, args[1]);
    config.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
    config.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
    config.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
    // Every update comes out, so that a lost or doubled one shows.
    config.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 0);
    for (int i = 2; i < args.length; i++) {
      String[] setting = args[i].split("=", 2);
      config.put(setting[0], setting[1]);
    }
    KafkaStreams streams = new KafkaStreams(topology(), config);
    streams.setStateListener((now, before) -> System.out.println("state " + now));
    streams.setUncaughtExceptionHandler(error -> {
      System.out.println("error " + error + " " + error.getCause());
      return StreamThreadExceptionResponse.REPLACE_THREAD;
    });
    Runtime.getRuntime().addShutdownHook(new Thread(() -> System.out.println("closed " + streams.close(Duration.ofSeconds(20)))));
    streams.start();
  }

  static Topology topology() {
    StreamsBuilder builder = new StreamsBuilder();
    KStream<String, String> orders = builder.stream("orders");
    KStream<String, String> payments = builder.stream("payments");
    KTable<String, String> customers = builder.table("customers", Consumed.with(Serdes.String(), Serdes.String()), Materialized.as("customers"));

    orders.map((customer, order) -> KeyValue.pair(product(order), id(order)))
        .groupByKey(Grouped.as("by-product"))
        .count(Materialized.as("counts"))
        .toStream()
        .mapValues(count -> Long.toString(count))
        .to("counts", Produced.with(Serdes.String(), Serdes.String()));

    orders.groupByKey()
        .aggregate(() -> "0 0", (customer, order, sum) -> plus(sum, Long.parseLong(id(order))), Materialized.as("totals"))
        .toStream()
        .to("totals");

    orders.join(customers, (order, name) -> order + " " + name, Joined.as("named")).to("named");

    orders.map((customer, order) -> KeyValue.pair(id(order), product(order)))
        .join(payments, (product, amount) -> product + " " + amount, JoinWindows.ofTimeDifferenceWithNoGrace(Duration.ofHours(1)),
            StreamJoined.<String, String, String>as("paid").withName("by-id"))
        .to("paid");
    return builder.build();
  }

  static String id(String order) {
    return order.split(" ")[0];
  }

  static String product(String order) {
    return order.split(" ")[1];
  }

  static String plus(String sum, long id) {
    String[] parts = sum.split(" ");
    return (Long.parseLong(parts[0]) + 1) + " " + (Long.parseLong(parts[1]) + id);
  }
}
