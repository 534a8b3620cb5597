import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.*;
import java.util.*;
import org.apache.kafka.common.metrics.*;
import org.apache.kafka.server.authorizer.AuthorizableRequestContext;
import org.apache.kafka.server.telemetry.*;

/**
 * For a broker's metric.reporters: what clients push (KIP-714) becomes lines in the file that the setting telemetry.file names:
 * clientId, client instance id, content type, whether it was the last push, and the payload in base64, with tabs between them.
 */
public class TelemetryFile implements MetricsReporter, ClientTelemetry, ClientTelemetryReceiver {
  private Path file;

  @Override
  public void configure(Map<String, ?> configs) {
    file = Path.of(configs.get("telemetry.file").toString());
  }

  @Override
  public ClientTelemetryReceiver clientReceiver() {
    return this;
  }

  @Override
  public synchronized void exportMetrics(AuthorizableRequestContext context, ClientTelemetryPayload payload) {
    ByteBuffer data = payload.data().duplicate();
    byte[] bytes = new byte[data.remaining()];
    data.get(bytes);
    String base64 = Base64.getEncoder().encodeToString(bytes);
    String[] parts = {
      context.clientId(), payload.clientInstanceId().toString(), payload.contentType(), String.valueOf(payload.isTerminating()), base64
    };
    try {
      Files.writeString(file, String.join("\t", parts) + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  @Override
  public void init(List<KafkaMetric> metrics) {}

  @Override
  public void metricChange(KafkaMetric metric) {}

  @Override
  public void metricRemoval(KafkaMetric metric) {}

  @Override
  public void close() {}
}
