import java.io.*;
import java.util.*;
import org.joda.time.*;
import org.joda.time.format.*;

/** Answers questions from the standard input, one to a line, the way Confluent's time-based partitioner uses Joda-Time. */
class Joda {
  public static void main(String[] args) throws IOException {
    DateTimeZone.setDefault(DateTimeZone.UTC);
    var in = new BufferedReader(new InputStreamReader(System.in, "UTF-8"));
    var out = new PrintStream(System.out, false, "UTF-8");
    for (String line; (line = in.readLine()) != null; ) {
      var q = line.split("\t", -1);
      String answer;
      try {
        answer = q[0].equals("parse") ? Long.toString(ISODateTimeFormat.dateTimeParser().parseMillis(q[1])) : format(q);
      } catch (RuntimeException e) {
        answer = "refused";
      }
      out.print(line + "\t" + answer + "\n");
    }
    out.flush();
  }

  @SuppressWarnings("deprecation")
  static String format(String[] q) { // format, pattern, locale, zone, duration, time
    var zone = DateTimeZone.forID(q[3]);
    var formatter = DateTimeFormat.forPattern(q[1]).withZone(zone).withLocale(new Locale(q[2]));
    long duration = Long.parseLong(q[4]);
    long local = zone.convertUTCToLocal(Long.parseLong(q[5])) / duration * duration;
    return new DateTime(zone.convertLocalToUTC(local, false)).toString(formatter);
  }
}
