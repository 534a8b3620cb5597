import java.io.*;
import java.time.*;
import java.util.*;
import java.util.function.Consumer;
import org.apache.kafka.common.serialization.*;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.*;
import org.apache.kafka.streams.kstream.*;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.*;
import org.apache.kafka.streams.state.*;
import org.apache.kafka.streams.test.TestRecord;

/**
 * Runs topologies of Kafka Streams in its TopologyTestDriver. A line is the name of a topology and, after tabs, records `topic key value time`,
 * with `~` for null; the topic `@wall` moves the wall clock by so much. Answers a line "answer" with the records that came out, in their order per topic. The key of a window is `key@start-end`.
 */
class Golden {
  static final Serde<String> S = Serdes.String();
  static final Consumed<String, String> IN = Consumed.with(S, S);
  static final Produced<String, String> OUT = Produced.with(S, S);
  static final Map<String, Consumer<StreamsBuilder>> TOPOLOGIES = new TreeMap<>();

  static int n(String value) {
    return Integer.parseInt(value);
  }

  static Materialized<String, String, KeyValueStore<Bytes, byte[]>> kept() {
    return Materialized.with(S, S);
  }

  static Materialized<String, String, WindowStore<Bytes, byte[]>> windowed() {
    return Materialized.<String, String, WindowStore<Bytes, byte[]>>with(S, S).withRetention(Duration.ofHours(1));
  }

  static String name(Windowed<String> key) {
    return key.key() + "@" + key.window().start() + "-" + key.window().end();
  }

  /** By the number, and not at all when it is divisible by four. */
  static KGroupedTable<String, String> grouped(StreamsBuilder b) {
    return b.table("a", IN, kept())
        .groupBy((k, v) -> KeyValue.pair(n(v) % 4 == 0 ? null : "g" + n(v) % 4, k + v), Grouped.with(S, S));
  }

  static StoreBuilder<KeyValueStore<String, String>> inMemory() {
    return Stores.keyValueStoreBuilder(Stores.inMemoryKeyValueStore("s"), S, S);
  }

  /** Gives what each key has had so far; from 20 on it begins anew, and says so under another key. */
  static class Collecting implements Processor<String, String, String, String> {
    ProcessorContext<String, String> context;
    KeyValueStore<String, String> store;

    public void init(ProcessorContext<String, String> context) {
      this.context = context;
      store = context.getStateStore("s");
    }

    public void process(org.apache.kafka.streams.processor.api.Record<String, String> record) {
      String before = store.get(record.key());
      String all = before == null ? record.value() : before + "," + record.value();
      if (n(record.value()) >= 20) store.delete(record.key());
      else store.put(record.key(), all);
      context.forward(record.withValue(all));
      if (n(record.value()) >= 20) context.forward(record.withKey("reset").withTimestamp(context.currentStreamTimeMs()));
    }
  }

  /** Gives what each key has had since the last time, with the time of the newest of it; records of "z" only move time. */
  static class Flushing implements Processor<String, String, String, String> {
    final PunctuationType type;
    KeyValueStore<String, String> store;
    /** Stream time is looked at from 0 on, so the first call comes with the first record. */
    boolean first;

    Flushing(PunctuationType type) {
      this.type = type;
      first = type == PunctuationType.STREAM_TIME;
    }

    public void init(ProcessorContext<String, String> context) {
      store = context.getStateStore("s");
      context.schedule(Duration.ofMillis(10), type, time -> {
        if (first) {
          first = false;
          return;
        }
        List<KeyValue<String, String>> all = new ArrayList<>();
        try (KeyValueIterator<String, String> entries = store.all()) {
          entries.forEachRemaining(all::add);
        }
        for (KeyValue<String, String> entry : all) {
          store.delete(entry.key);
          String[] parts = entry.value.split("@");
          context.forward(new org.apache.kafka.streams.processor.api.Record<>(entry.key, parts[0], Long.parseLong(parts[1])));
        }
      });
    }

    public void process(org.apache.kafka.streams.processor.api.Record<String, String> record) {
      if (record.key().equals("z")) return;
      String before = store.get(record.key());
      String[] parts = before == null ? null : before.split("@");
      long time = parts == null ? record.timestamp() : Math.max(record.timestamp(), Long.parseLong(parts[1]));
      store.put(record.key(), (parts == null ? "" : parts[0] + ",") + record.value() + "@" + time);
    }
  }

  /** Gives pairs. */
  static class Pairing implements FixedKeyProcessor<String, String, String> {
    FixedKeyProcessorContext<String, String> context;
    KeyValueStore<String, String> store;

    public void init(FixedKeyProcessorContext<String, String> context) {
      this.context = context;
      store = context.getStateStore("s");
    }

    public void process(FixedKeyRecord<String, String> record) {
      String before = store.get(record.key());
      store.put(record.key(), record.value());
      if (before != null) context.forward(record.withValue(before + "-" + record.value()));
    }
  }

  static {
    TOPOLOGIES.put("stateless", b -> b.stream("a", IN)
        .filter((k, v) -> n(v) % 3 != 0)
        .mapValues(v -> "" + n(v) * 2)
        .flatMapValues(v -> List.of(v, v + "0"))
        .map((k, v) -> KeyValue.pair(k + v.charAt(0), v))
        .flatMap((k, v) -> n(v) % 4 == 0 ? List.of(KeyValue.pair(k, v), KeyValue.pair("x", k)) : List.<KeyValue<String, String>>of())
        .to("out", OUT));
    TOPOLOGIES.put("branch", b -> {
      Map<String, KStream<String, String>> branches = b.stream("a", IN).split(Named.as("b-"))
          .branch((k, v) -> n(v) % 2 == 0, Branched.as("even"))
          .branch((k, v) -> n(v) % 3 == 0, Branched.as("three"))
          .defaultBranch(Branched.as("rest"));
      branches.get("b-even").to("out", OUT);
      branches.get("b-three").to("out2", OUT);
      branches.get("b-rest").to("out3", OUT);
    });
    TOPOLOGIES.put("merge", b -> b.stream("a", IN).mapValues(v -> "a" + v).merge(b.stream("b", IN)).to("out", OUT));
    TOPOLOGIES.put("routing", b -> b.stream("a", IN).to((k, v, context) -> n(v) % 3 == 0 ? "out" : "out" + (1 + n(v) % 3), OUT));
    TOPOLOGIES.put("repartition", b -> b.stream("a", IN).filterNot((k, v) -> n(v) % 5 == 0).selectKey((k, v) -> "g" + n(v) % 2)
        .repartition(Repartitioned.with(S, S).withNumberOfPartitions(1).withName("again")).groupByKey()
        .reduce((x, y) -> x + "," + y, kept()).toStream().to("out", OUT));
    TOPOLOGIES.put("table-filter-not", b -> b.table("a", IN).filterNot((k, v) -> n(v) % 2 == 0).toStream().peek((k, v) -> {}).to("out", OUT));
    TOPOLOGIES.put("count", b -> b.stream("a", IN).groupByKey().count(Materialized.with(S, Serdes.Long())).toStream().mapValues(v -> "" + v).to("out", OUT));
    TOPOLOGIES.put("reduce", b -> b.stream("a", IN).groupByKey().reduce((x, y) -> x + "," + y, kept()).toStream().to("out", OUT));
    TOPOLOGIES.put("aggregate", b -> b.stream("a", IN).groupByKey().aggregate(() -> "i", (k, v, x) -> x + v, kept()).toStream().to("out", OUT));
    TOPOLOGIES.put("cogroup", b -> b.stream("a", IN).groupByKey().cogroup((String k, String v, String x) -> x + "a" + v)
        .cogroup(b.stream("b", IN).groupByKey(), (k, v, x) -> x + "b" + v).aggregate(() -> "", kept()).toStream().to("out", OUT));
    TOPOLOGIES.put("cogroup-window", b -> b.stream("a", IN).groupByKey().cogroup((String k, String v, String x) -> x + "a" + v)
        .cogroup(b.stream("b", IN).groupByKey(), (k, v, x) -> x + "b" + v)
        .windowedBy(TimeWindows.ofSizeAndGrace(Duration.ofMillis(10), Duration.ofMillis(100)))
        .aggregate(() -> "", windowed()).toStream((k, v) -> name(k)).to("out", OUT));
    TOPOLOGIES.put("table-group-count", b -> grouped(b).count(Materialized.with(S, Serdes.Long())).mapValues(v -> "" + v).toStream().to("out", OUT));
    TOPOLOGIES.put("table-group-aggregate", b -> grouped(b)
        .aggregate(() -> "i", (k, v, x) -> x + "+" + k + v, (k, v, x) -> x + "-" + k + v, kept()).toStream().to("out", OUT));
    TOPOLOGIES.put("table-group-reduce", b -> grouped(b).reduce((x, y) -> x + "+" + y, (x, y) -> x + "-" + y, kept()).toStream().to("out", OUT));
    TOPOLOGIES.put("keyBy", b -> b.stream("a", IN).groupBy((k, v) -> "g" + n(v) % 2, Grouped.with(S, S))
        .aggregate(() -> "", (k, v, x) -> x + v + ";", kept()).toStream().to("out", OUT));
    TOPOLOGIES.put("tumbling-update", b -> b.stream("a", IN).groupByKey()
        .windowedBy(TimeWindows.ofSizeAndGrace(Duration.ofMillis(10), Duration.ofMillis(5)))
        .reduce((x, y) -> x + "," + y, windowed()).toStream().map((k, v) -> KeyValue.pair(name(k), v)).to("out", OUT));
    TOPOLOGIES.put("tumbling-close", b -> b.stream("a", IN).groupByKey()
        .windowedBy(TimeWindows.ofSizeAndGrace(Duration.ofMillis(10), Duration.ofMillis(5))).emitStrategy(EmitStrategy.onWindowClose())
        .reduce((x, y) -> x + "," + y, windowed()).toStream().map((k, v) -> KeyValue.pair(name(k), v)).to("out", OUT));
    for (int advance : new int[] {3, 5}) {
      TimeWindows hopping = TimeWindows.ofSizeAndGrace(Duration.ofMillis(10), Duration.ofMillis(5)).advanceBy(Duration.ofMillis(advance));
      TOPOLOGIES.put("hopping-update-" + advance, b -> b.stream("a", IN).groupByKey().windowedBy(hopping)
          .reduce((x, y) -> x + "," + y, windowed()).toStream().map((k, v) -> KeyValue.pair(name(k), v)).to("out", OUT));
      TOPOLOGIES.put("hopping-close-" + advance, b -> b.stream("a", IN).groupByKey().windowedBy(hopping).emitStrategy(EmitStrategy.onWindowClose())
          .reduce((x, y) -> x + "," + y, windowed()).toStream().map((k, v) -> KeyValue.pair(name(k), v)).to("out", OUT));
    }
    SlidingWindows sliding = SlidingWindows.ofTimeDifferenceAndGrace(Duration.ofMillis(10), Duration.ofMillis(5));
    TOPOLOGIES.put("sliding-update", b -> b.stream("a", IN).groupByKey().windowedBy(sliding)
        .reduce((x, y) -> x + "," + y, windowed()).toStream().map((k, v) -> KeyValue.pair(name(k), v)).to("out", OUT));
    TOPOLOGIES.put("sliding-close", b -> b.stream("a", IN).groupByKey().windowedBy(sliding).emitStrategy(EmitStrategy.onWindowClose())
        .reduce((x, y) -> x + "," + y, windowed()).toStream().map((k, v) -> KeyValue.pair(name(k), v)).to("out", OUT));
    for (String unit : List.of("day", "week", "month", "year")) {
      TOPOLOGIES.put("calendar-" + unit, b -> b.stream("a", IN).groupByKey().windowedBy(new Calendar(unit))
          .reduce((x, y) -> x + "," + y, Materialized.<String, String, WindowStore<Bytes, byte[]>>with(S, S).withRetention(Duration.ofDays(20_000)))
          .toStream().map((k, v) -> KeyValue.pair(name(k), v)).to("out", OUT));
    }
    SessionWindows sessions = SessionWindows.ofInactivityGapAndGrace(Duration.ofMillis(12), Duration.ofMillis(11));
    Materialized<String, String, SessionStore<Bytes, byte[]>> inSessions = Materialized.with(S, S);
    TOPOLOGIES.put("session-update", b -> b.stream("a", IN).groupByKey().windowedBy(sessions)
        .reduce((x, y) -> x + "," + y, inSessions).toStream().map((k, v) -> KeyValue.pair(name(k), v)).to("out", OUT));
    TOPOLOGIES.put("session-close", b -> b.stream("a", IN).groupByKey().windowedBy(sessions).emitStrategy(EmitStrategy.onWindowClose())
        .reduce((x, y) -> x + "," + y, inSessions.withRetention(Duration.ofHours(1))).toStream().map((k, v) -> KeyValue.pair(name(k), v)).to("out", OUT));
    TOPOLOGIES.put("process", b -> b.addStateStore(inMemory()).stream("a", IN).process(Collecting::new, "s").to("out", OUT));
    TOPOLOGIES.put("process-values", b -> b.addStateStore(inMemory()).stream("a", IN).processValues(Pairing::new, "s")
        .groupByKey().reduce((x, y) -> x + "," + y, kept()).toStream().to("out", OUT));
    TOPOLOGIES.put("punctuate-event", b -> b.addStateStore(inMemory()).stream("a", IN)
        .process(() -> new Flushing(PunctuationType.STREAM_TIME), "s").to("out", OUT));
    TOPOLOGIES.put("punctuate-wall", b -> b.addStateStore(inMemory()).stream("a", IN)
        .process(() -> new Flushing(PunctuationType.WALL_CLOCK_TIME), "s").to("out", OUT));
    TOPOLOGIES.put("table", b -> b.table("a", IN).toStream().to("out", OUT));
    TOPOLOGIES.put("table-of-stream", b -> b.stream("a", IN).toTable(kept()).toStream().to("out", OUT));
    TOPOLOGIES.put("table-filter", b -> b.table("a", IN).filter((k, v) -> n(v) % 2 == 0).toStream().to("out", OUT));
    TOPOLOGIES.put("table-map", b -> b.table("a", IN).mapValues((k, v) -> k + v).toStream().to("out", OUT));
    TOPOLOGIES.put("tables-join", b -> b.table("a", IN).join(b.table("b", IN), (x, y) -> x + "+" + y).toStream().to("out", OUT));
    TOPOLOGIES.put("tables-left", b -> b.table("a", IN).leftJoin(b.table("b", IN), (x, y) -> x + "+" + y).toStream().to("out", OUT));
    TOPOLOGIES.put("tables-outer", b -> b.table("a", IN).outerJoin(b.table("b", IN), (x, y) -> x + "+" + y).toStream().to("out", OUT));
    TOPOLOGIES.put("tables-chain", b -> b.table("a", IN).filter((k, v) -> n(v) % 3 != 0)
        .outerJoin(b.table("b", IN).mapValues(v -> "b" + v), (x, y) -> x + "+" + y)
        .filter((k, v) -> !v.endsWith("1")).mapValues((k, v) -> k + v).toStream().to("out", OUT));
    TOPOLOGIES.put("counted", b -> b.stream("a", IN).groupByKey().count(Materialized.with(S, Serdes.Long()))
        .outerJoin(b.table("b", IN), (c, y) -> c + "*" + y).toStream().to("out", OUT));
    JoinWindows near = JoinWindows.ofTimeDifferenceAndGrace(Duration.ofMillis(10), Duration.ofMillis(5)).before(Duration.ofMillis(4));
    StreamJoined<String, String, String> memory = StreamJoined.with(S, S, S);
    TOPOLOGIES.put("streams-join", b -> b.stream("a", IN).join(b.stream("b", IN), (x, y) -> x + "+" + y, near, memory).to("out", OUT));
    TOPOLOGIES.put("streams-left", b -> b.stream("a", IN).leftJoin(b.stream("b", IN), (x, y) -> x + "+" + y, near, memory).to("out", OUT));
    TOPOLOGIES.put("streams-outer", b -> b.stream("a", IN).outerJoin(b.stream("b", IN), (x, y) -> x + "+" + y, near, memory).to("out", OUT));
    TOPOLOGIES.put("lookup", b -> b.stream("a", IN).join(b.table("b", IN), (x, y) -> x + "+" + y).to("out", OUT));
    TOPOLOGIES.put("lookup-left", b -> b.stream("a", IN).leftJoin(b.table("b", IN), (x, y) -> x + "+" + y).to("out", OUT));
    TOPOLOGIES.put("global", b -> b.stream("a", IN).join(b.globalTable("b", IN), (k, v) -> "klm".charAt(n(v) % 3) + "", (x, y) -> x + "+" + y).to("out", OUT));
    TOPOLOGIES.put("global-left", b -> b.stream("a", IN).leftJoin(b.globalTable("b", IN), (k, v) -> n(v) % 5 == 0 ? null : "klmz".charAt(n(v) % 4) + "", (x, y) -> x + "+" + y).to("out", OUT));
    TOPOLOGIES.put("lookup-derived", b -> b.stream("a", IN)
        .leftJoin(b.table("b", IN).filter((k, v) -> n(v) % 2 == 0).mapValues(v -> "even" + v), (x, y) -> x + "+" + y).to("out", OUT));
  }

  /** Days, weeks, months, years in Prague by java.time, as users of Kafka Streams write them; an hour of grace. */
  static class Calendar extends Windows<org.apache.kafka.streams.kstream.internals.TimeWindow> {
    final String unit;

    Calendar(String unit) {
      this.unit = unit;
    }

    public Map<Long, org.apache.kafka.streams.kstream.internals.TimeWindow> windowsFor(long time) {
      ZoneId zone = ZoneId.of("Europe/Prague");
      LocalDate day = Instant.ofEpochMilli(time).atZone(zone).toLocalDate();
      LocalDate first = switch (unit) {
        case "day" -> day;
        case "week" -> day.with(java.time.temporal.TemporalAdjusters.previousOrSame(DayOfWeek.MONDAY));
        case "month" -> day.withDayOfMonth(1);
        default -> day.withDayOfYear(1);
      };
      LocalDate next = switch (unit) {
        case "day" -> first.plusDays(1);
        case "week" -> first.plusWeeks(1);
        case "month" -> first.plusMonths(1);
        default -> first.plusYears(1);
      };
      long start = first.atStartOfDay(zone).toInstant().toEpochMilli();
      long end = next.atStartOfDay(zone).toInstant().toEpochMilli();
      return Map.of(start, new org.apache.kafka.streams.kstream.internals.TimeWindow(start, end));
    }

    public long size() {
      return Duration.ofDays(367).toMillis();
    }

    public long gracePeriodMs() {
      return Duration.ofHours(1).toMillis();
    }
  }

  public static void main(String[] args) throws Exception {
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
    PrintStream out = System.out;
    for (String line = in.readLine(); line != null; line = in.readLine()) out.println("answer\t" + answer(line.split("\t")));
    out.flush();
  }

  static String answer(String[] parts) {
    StreamsBuilder builder = new StreamsBuilder();
    TOPOLOGIES.get(parts[0]).accept(builder);
    Properties settings = new Properties();
    settings.put("application.id", "golden");
    settings.put("bootstrap.servers", "nowhere:1");
    settings.put("dsl.store.suppliers.class", BuiltInDslStoreSuppliers.InMemoryDslStoreSuppliers.class.getName());
    settings.put("statestore.cache.max.bytes", "0");
    // Windows that emit on close are looked for at each record, not once a second of the wall clock.
    settings.put("__emit.interval.ms.kstreams.windowed.aggregation__", 0L);
    settings.put("__emit.interval.ms.kstreams.outer.join.spurious.results.fix__", 0L);
    try (TopologyTestDriver driver = new TopologyTestDriver(builder.build(), settings, Instant.EPOCH)) {
      Map<String, TestInputTopic<String, String>> inputs = new HashMap<>();
      for (int i = 1; i < parts.length; i++) {
        String[] record = parts[i].split(" ");
        if (record[0].equals("@wall")) {
          driver.advanceWallClockTime(Duration.ofMillis(Long.parseLong(record[3])));
          continue;
        }
        inputs.computeIfAbsent(record[0], topic -> driver.createInputTopic(topic, S.serializer(), S.serializer()))
            .pipeInput(orNull(record[1]), orNull(record[2]), Long.parseLong(record[3]));
      }
      StringJoiner answer = new StringJoiner("\t");
      for (String topic : List.of("out", "out2", "out3")) {
        TestOutputTopic<String, String> output = driver.createOutputTopic(topic, S.deserializer(), S.deserializer());
        for (TestRecord<String, String> record : output.readRecordsToList()) {
          answer.add(topic + " " + text(record.key()) + " " + text(record.value()) + " " + record.timestamp());
        }
      }
      return answer.toString();
    }
  }

  static String orNull(String text) {
    return text.equals("~") ? null : text;
  }

  static String text(String value) {
    return value == null ? "~" : value;
  }
}
