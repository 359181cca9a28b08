import java.text.DateFormatSymbols;
import java.util.*;

/** Prints the names that a JVM has for months, days, halves of a day and eras, a language to a line: what Joda prints as text. */
class Locales {
  static String join(String[] names) {
    return String.join("|", Arrays.stream(names).filter(n -> !n.isEmpty()).toList());
  }

  static String names(Locale l) {
    var s = DateFormatSymbols.getInstance(l);
    return String.join("\t", join(s.getMonths()), join(s.getShortMonths()), join(s.getWeekdays()), join(s.getShortWeekdays()), join(s.getAmPmStrings()), join(s.getEras()));
  }

  @SuppressWarnings("deprecation")
  public static void main(String[] args) {
    var root = names(new Locale("zxx"));
    System.out.println("\t" + root);
    var languages = new TreeSet<>(List.of(Locale.getISOLanguages()));
    for (var l : languages) {
      var n = names(new Locale(l));
      if (!n.equals(root)) System.out.println(l + "\t" + n);
    }
    for (var l : args) System.err.println(l + " is root: " + names(new Locale(l)).equals(root) + " is en: " + names(new Locale(l)).equals(names(Locale.ENGLISH)));
  }
}
