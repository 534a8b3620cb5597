import java.io.*;
import java.nio.ByteBuffer;
import java.util.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor.*;
import org.apache.kafka.common.*;

/**
 * Asks Kafka's own assignors. A line is a class name and, after tabs, topics `topic=rack,rack;rack;` (a list of racks for each partition) up to
 * a tab with `|`, and then members `id instance rack generation userData topics owned`, with `-` for nothing. Answers a line `member:topic-p,...`
 * for each, with tabs between them, after "answer "; or "failed:" and why.
 */
class Assign {
  public static void main(String[] args) throws Exception {
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
    StringBuilder out = new StringBuilder();
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      out.append("answer ");
      try {
        out.append(answer(line.split("\t")));
      } catch (Exception e) {
        out.append("failed:").append(e.toString().replaceAll("\\s+", " "));
      }
      out.append('\n');
    }
    System.out.print(out);
  }

  static String answer(String[] parts) throws Exception {
    ConsumerPartitionAssignor assignor =
        (ConsumerPartitionAssignor) Class.forName("org.apache.kafka.clients.consumer." + parts[0]).getDeclaredConstructor().newInstance();
    int at = 1;
    Map<String, Node> nodes = new HashMap<>();
    List<PartitionInfo> infos = new ArrayList<>();
    for (; !parts[at].equals("|"); at++) {
      String topic = parts[at].substring(0, parts[at].indexOf('='));
      String[] partitions = parts[at].substring(topic.length() + 1).split(";", -1);
      for (int p = 0; p < partitions.length - 1; p++) {
        List<Node> replicas = new ArrayList<>();
        for (String rack : partitions[p].split(",")) {
          replicas.add(nodes.computeIfAbsent(rack, r -> new Node(nodes.size(), "h", 1, r.isEmpty() ? null : r)));
        }
        Node[] array = replicas.toArray(new Node[0]);
        infos.add(new PartitionInfo(topic, p, array[0], array, array));
      }
    }
    Map<String, Subscription> subscriptions = new TreeMap<>();
    for (at++; at < parts.length; at++) {
      String[] m = parts[at].split(" ");
      ByteBuffer data = m[4].equals("-") ? null : ByteBuffer.wrap(Base64.getDecoder().decode(m[4]));
      List<TopicPartition> owned = new ArrayList<>();
      if (!m[6].equals("-")) {
        for (String tp : m[6].split(",")) {
          int dash = tp.lastIndexOf('-');
          owned.add(new TopicPartition(tp.substring(0, dash), Integer.parseInt(tp.substring(dash + 1))));
        }
      }
      Optional<String> rack = m[2].equals("-") ? Optional.empty() : Optional.of(m[2]);
      Subscription subscription = new Subscription(Arrays.asList(m[5].split(",")), data, owned, Integer.parseInt(m[3]), rack);
      if (!m[1].equals("-")) subscription.setGroupInstanceId(Optional.of(m[1]));
      subscriptions.put(m[0], subscription);
    }
    Cluster cluster = new Cluster("c", nodes.values(), infos, Set.of(), Set.of());
    StringJoiner answer = new StringJoiner("\t");
    assignor.assign(cluster, new GroupSubscription(subscriptions)).groupAssignment().forEach((member, assignment) -> {
      StringJoiner list = new StringJoiner(",");
      for (TopicPartition tp : assignment.partitions()) list.add(tp.toString());
      answer.add(member + ":" + list);
    });
    return answer.toString();
  }
}
