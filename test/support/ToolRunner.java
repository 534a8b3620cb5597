import java.io.*;
import java.nio.charset.StandardCharsets;
import java.util.*;
import org.apache.kafka.common.utils.Exit;

/**
 * Runs Kafka's command line tools one after the other in one JVM, since a start of a JVM costs a second. Reads lines "class<TAB>argument<TAB>...<TAB>",
 * the last of them "<stdin", and answers with a line "code base64-of-what-was-printed".
 */
class ToolRunner {
  /** What the tool wanted to end with: the first time counts, some tools catch what ends them. */
  static volatile Integer ended;

  static final ByteArrayOutputStream printed = new ByteArrayOutputStream();

  /** In place of the end of the process. */
  static class Exited extends RuntimeException {
    Exited(int code, String message) {
      // Without a trace: tools that catch it print it.
      super(message, null, false, false);
      if (ended == null) ended = code;
    }
  }

  public static void main(String[] unused) throws Exception {
    PrintStream answers = System.out;
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    PrintStream sink = new PrintStream(printed, true, StandardCharsets.UTF_8);
    System.setOut(sink);
    System.setErr(sink);
    Exit.setExitProcedure((code, message) -> {
      throw new Exited(code, message);
    });
    Exit.setHaltProcedure((code, message) -> {
      throw new Exited(code, message);
    });
    List<Runnable> hooks = Collections.synchronizedList(new ArrayList<>());
    Exit.setShutdownHookAdder((name, hook) -> hooks.add(hook));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      printed.reset();
      hooks.clear();
      List<String> parts = new ArrayList<>(Arrays.asList(line.split("\t", -1)));
      String typed = parts.remove(parts.size() - 1);
      System.setIn(new ByteArrayInputStream(Base64.getDecoder().decode(typed)));
      ended = null;
      int failed = 0;
      try {
        String[] args = parts.subList(1, parts.size()).toArray(new String[0]);
        Class.forName(parts.get(0)).getMethod("main", String[].class).invoke(null, (Object) args);
      } catch (java.lang.reflect.InvocationTargetException e) {
        Throwable cause = e.getCause();
        if (!(cause instanceof Exited)) {
          failed = 1;
          cause.printStackTrace(sink);
        }
      }
      for (Runnable hook : new ArrayList<>(hooks)) {
        try {
          hook.run();
        } catch (Exited e) {
          // The tool has ended before.
        }
      }
      sink.flush();
      answers.println((ended == null ? failed : ended) + " " + Base64.getEncoder().encodeToString(printed.toByteArray()));
      answers.flush();
    }
  }
}
