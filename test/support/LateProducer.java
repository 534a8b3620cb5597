import java.util.*;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Transactions of numbered records, for tests: bootstrap topic partitions ids transactions timeoutMs seed. As late-producer.py says, one thread for
 * each id, which are separated by commas.
 */
class LateProducer {
  public static void main(String[] args) throws Exception {
    List<Thread> threads = new ArrayList<>();
    for (String name : args[3].split(",")) {
      Thread thread = new Thread(() -> run(args, name));
      thread.start();
      threads.add(thread);
    }
    for (Thread thread : threads) thread.join();
    System.exit(0);
  }

  static synchronized void say(String what) {
    System.out.println(what);
    System.out.flush();
  }

  static void run(String[] args, String name) {
    int count = Integer.parseInt(args[4]);
    Random random = new Random(Long.parseLong(args[6]) + name.hashCode());
    for (int number = 0; number < count; ) {
      try (Once producer = new Once(make(args, name))) {
        persist(producer.it::initTransactions);
        while (number < count) transact(producer.it, args, name, number++, random);
      } catch (KafkaException e) {
        say("renewed " + e.getClass().getSimpleName());
      }
    }
  }

  /** Closed without waiting for anything. */
  record Once(KafkaProducer<String, String> it) implements AutoCloseable {
    public void close() {
      it.close(java.time.Duration.ZERO);
    }
  }

  static KafkaProducer<String, String> make(String[] args, String name) {
    Properties p = new Properties();
    p.put("bootstrap.servers", args[0]);
    p.put("client.id", name);
    p.put("transactional.id", name);
    p.put("linger.ms", "0");
    p.put("request.timeout.ms", args[5]);
    p.put("delivery.timeout.ms", String.valueOf(10 * Integer.parseInt(args[5])));
    p.put("max.block.ms", "30000");
    p.put("retry.backoff.ms", "20");
    p.put("reconnect.backoff.ms", "10");
    p.put("reconnect.backoff.max.ms", "100");
    return new KafkaProducer<>(p, new StringSerializer(), new StringSerializer());
  }

  /** An end whose answer did not come in time is asked for again. */
  static void persist(Runnable call) {
    while (true) {
      try {
        call.run();
        return;
      } catch (TimeoutException e) {
        // Once more.
      }
    }
  }

  static void transact(KafkaProducer<String, String> producer, String[] args, String name, int number, Random random) {
    String label = name + "/" + number;
    boolean commits = random.nextDouble() < 0.6;
    boolean ending = false;
    say("open " + label);
    producer.beginTransaction();
    try {
      for (int partition = 0; partition < Integer.parseInt(args[2]); partition++) {
        producer.send(new ProducerRecord<>(args[1], partition, null, label + "/" + partition)).get();
      }
      Map<TopicPartition, OffsetAndMetadata> offsets = Map.of(new TopicPartition(args[1], 0), new OffsetAndMetadata(number + 1));
      persist(() -> producer.sendOffsetsToTransaction(offsets, new ConsumerGroupMetadata(name)));
      if (commits) {
        ending = true;
        say("ending " + label);
        persist(producer::commitTransaction);
        say("committed " + label);
        return;
      }
    } catch (org.apache.kafka.common.errors.ProducerFencedException | org.apache.kafka.common.errors.InvalidProducerEpochException e) {
      throw e;
    } catch (KafkaException | java.util.concurrent.ExecutionException | InterruptedException e) {
      // It can only be aborted.
    }
    persist(producer::abortTransaction);
    if (!ending) say("aborted " + label);
  }
}
