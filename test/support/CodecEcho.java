import java.io.*;
import java.nio.ByteBuffer;
import java.util.Base64;
import org.apache.kafka.common.message.ApiMessageType;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.ObjectSerializationCache;

/** Reads lines "key request|response version base64", decodes each with Kafka's own code and prints what that code writes. */
class CodecEcho {
  public static void main(String[] args) throws IOException {
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
    StringBuilder out = new StringBuilder();
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      out.append(echo(line.split(" ", -1))).append('\n');
    }
    System.out.print(out);
  }

  static String echo(String[] parts) {
    try {
      ApiMessageType type = ApiMessageType.fromApiKey(Short.parseShort(parts[0]));
      Message message = parts[1].equals("request") ? type.newRequest() : type.newResponse();
      short version = Short.parseShort(parts[2]);
      if (version < message.lowestSupportedVersion() || version > message.highestSupportedVersion()) return "unsupported";
      ByteBuffer bytes = ByteBuffer.wrap(Base64.getDecoder().decode(parts[3]));
      message.read(new ByteBufferAccessor(bytes), version);
      if (bytes.hasRemaining()) return "left " + bytes.remaining();
      ObjectSerializationCache cache = new ObjectSerializationCache();
      byte[] written = new byte[message.size(cache, version)];
      message.write(new ByteBufferAccessor(ByteBuffer.wrap(written)), cache, version);
      return Base64.getEncoder().encodeToString(written);
    } catch (Exception e) {
      return "failed " + e;
    }
  }
}
