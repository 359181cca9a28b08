import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.json.JsonConverter;
import org.apache.kafka.connect.storage.Converter;

/**
 * Asks Kafka Connect's own converters what they make of a list of documents, and prints the list with the answers.
 *
 * A line of the list has, between tabs: a name, a converter, its properties (- for none, | between them), and a document: text,
 * hex: and bytes, or null: alone. Further columns, former answers, are passed over. The answer is "ok" and the value in the
 * envelope that JsonConverter writes, "unwritable" and why it writes none, or "error", the exception's class and its message.
 *
 *   javac -cp 'lib/*' -d . ConverterCases.java && java -cp '.:lib/*' ConverterCases converters.golden > new.golden
 *
 * where lib/ holds org.apache.kafka:connect-runtime and what it depends on, of the Kafka version named in convert/doc.go.
 */
public class ConverterCases {
    public static void main(String[] args) throws Exception {
        JsonConverter writer = new JsonConverter();
        writer.configure(Map.of("schemas.enable", "true"), false);
        StringBuilder out = new StringBuilder();
        for (String line : Files.readAllLines(Path.of(args[0]), StandardCharsets.UTF_8)) {
            if (line.isBlank() || line.startsWith("#")) {
                out.append(line).append('\n');
                continue;
            }
            String[] c = line.split("\t", -1);
            out.append(c[0]).append('\t').append(c[1]).append('\t').append(c[2]).append('\t').append(c[3]).append('\t');
            out.append(answer(writer, c[1], c[2], c[3]).replace("\n", "\\n")).append('\n');
        }
        System.out.write(out.toString().getBytes(StandardCharsets.UTF_8));
        System.out.flush();
    }

    static String answer(JsonConverter writer, String name, String properties, String document) throws Exception {
        Map<String, String> props = new HashMap<>();
        if (!properties.equals("-")) {
            for (String p : properties.split("\\|")) {
                int at = p.indexOf('=');
                props.put(p.substring(0, at), p.substring(at + 1));
            }
        }
        String where = name.equals("JsonConverter") ? "json." : name.equals("StringConverter") ? "storage." : "converters.";
        try (Converter converter = (Converter) Class.forName("org.apache.kafka.connect." + where + name).getConstructor().newInstance()) {
            SchemaAndValue v;
            try {
                converter.configure(props, false);
                v = converter.toConnectData("topic", bytes(document));
            } catch (Exception | StackOverflowError e) {
                return "error\t" + e.getClass().getName() + "\t" + e.getMessage();
            }
            try {
                byte[] written = writer.fromConnectData("topic", v.schema(), v.value());
                return "ok\t" + (written == null ? "null" : new String(written, StandardCharsets.UTF_8));
            } catch (Exception e) {
                return "unwritable\t" + e.getMessage();
            }
        }
    }

    static byte[] bytes(String document) {
        if (document.equals("null:")) {
            return null;
        }
        if (document.startsWith("hex:")) {
            return HexFormat.of().parseHex(document.substring(4));
        }
        return document.getBytes(StandardCharsets.UTF_8);
    }
}
