import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.AggregateFunction;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema;
import org.apache.flink.connector.kafka.sink.KafkaSink;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.core.execution.CheckpointingMode;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.windowing.ProcessWindowFunction;
import org.apache.flink.streaming.api.windowing.assigners.TumblingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;
import org.apache.flink.util.Collector;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;

/** The count by minute of task.ts in Flink's MiniCluster, exactly once, checkpoints each second: FlinkBench BOOTSTRAP GROUP INPUT OUTPUT WINDOW_MS. */
public class FlinkBench {
  public static void main(String[] args) throws Exception {
    StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment(new Configuration());
    env.setParallelism(1);
    env.getConfig().enableObjectReuse();
    env.enableCheckpointing(1000, CheckpointingMode.EXACTLY_ONCE);
    KafkaSource<Tuple2<String, Long>> source = KafkaSource.<Tuple2<String, Long>>builder()
        .setBootstrapServers(args[0])
        .setGroupId(args[1])
        .setTopics(args[2])
        .setStartingOffsets(OffsetsInitializer.earliest())
        .setDeserializer(new Keys())
        .build();
    DataStream<Tuple2<String, Long>> results = env
        .fromSource(source, WatermarkStrategy.<Tuple2<String, Long>>forMonotonousTimestamps().withTimestampAssigner((record, time) -> time), "records")
        .keyBy(record -> record.f0)
        .window(TumblingEventTimeWindows.of(Duration.ofMillis(Long.parseLong(args[4]))))
        .aggregate(new Count(), new Named());
    KafkaSink<Tuple2<String, Long>> sink = KafkaSink.<Tuple2<String, Long>>builder()
        .setBootstrapServers(args[0])
        .setDeliveryGuarantee(DeliveryGuarantee.EXACTLY_ONCE)
        .setTransactionalIdPrefix(args[1])
        .setProperty("transaction.timeout.ms", "60000")
        .setRecordSerializer(new Results(args[3]))
        .build();
    results.sinkTo(sink);
    env.execute("count");
  }

  static class Keys implements KafkaRecordDeserializationSchema<Tuple2<String, Long>> {
    @Override
    public void deserialize(ConsumerRecord<byte[], byte[]> record, Collector<Tuple2<String, Long>> out) {
      out.collect(Tuple2.of(new String(record.key(), StandardCharsets.UTF_8), 1L));
    }

    @Override
    public TypeInformation<Tuple2<String, Long>> getProducedType() {
      return Types.TUPLE(Types.STRING, Types.LONG);
    }
  }

  static class Count implements AggregateFunction<Tuple2<String, Long>, Long, Long> {
    @Override
    public Long createAccumulator() {
      return 0L;
    }

    @Override
    public Long add(Tuple2<String, Long> record, Long count) {
      return count + 1;
    }

    @Override
    public Long getResult(Long count) {
      return count;
    }

    @Override
    public Long merge(Long one, Long other) {
      return one + other;
    }
  }

  static class Named extends ProcessWindowFunction<Long, Tuple2<String, Long>, String, TimeWindow> {
    @Override
    public void process(String key, Context context, Iterable<Long> counts, Collector<Tuple2<String, Long>> out) {
      out.collect(Tuple2.of(key + "@" + context.window().getStart(), counts.iterator().next()));
    }
  }

  static class Results implements KafkaRecordSerializationSchema<Tuple2<String, Long>> {
    private final String topic;

    Results(String topic) {
      this.topic = topic;
    }

    @Override
    public ProducerRecord<byte[], byte[]> serialize(Tuple2<String, Long> result, KafkaSinkContext context, Long timestamp) {
      return new ProducerRecord<>(topic, result.f0.getBytes(StandardCharsets.UTF_8), ByteBuffer.allocate(8).putLong(result.f1).array());
    }
  }
}
