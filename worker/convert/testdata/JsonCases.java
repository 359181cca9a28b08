import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.Map;
import org.apache.kafka.connect.json.JsonConverter;

/**
 * Asks Kafka Connect's own JsonConverter (schemas.enable=false) what it thinks of the documents in a list, and prints the
 * list with the answers: accept, null (the record's value is null) or refuse.
 *
 * A line of the list is a name, a tab and a document: bytes in hex, each part with an optional "*count", parts separated
 * by commas. Lines with three columns, a former answer being the second, are read as well.
 *
 *   javac -cp 'lib/*' -d . JsonCases.java && java -cp '.:lib/*' JsonCases json.golden > new.golden
 *
 * where lib/ holds org.apache.kafka:connect-json and what it depends on, of the Kafka version named in convert/doc.go.
 */
public class JsonCases {
    public static void main(String[] args) throws Exception {
        try (JsonConverter converter = new JsonConverter()) {
            converter.configure(Map.of("schemas.enable", "false"), false);
            StringBuilder out = new StringBuilder();
            for (String line : Files.readAllLines(Path.of(args[0]), StandardCharsets.UTF_8)) {
                if (line.isBlank() || line.startsWith("#")) {
                    out.append(line).append('\n');
                    continue;
                }
                String[] columns = line.split("\t", -1);
                String document = columns[columns.length - 1];
                String answer;
                try {
                    Object value = converter.toConnectData("topic", bytes(document)).value();
                    answer = value == null ? "null" : "accept";
                } catch (Exception | StackOverflowError e) {
                    answer = "refuse";
                    Throwable cause = e.getCause() == null ? e : e.getCause();
                    String why = String.valueOf(cause.getMessage()).split("\n")[0];
                    System.err.println(columns[0] + ": " + why.substring(0, Math.min(160, why.length())));
                }
                out.append(columns[0]).append('\t').append(answer).append('\t').append(document).append('\n');
            }
            System.out.print(out);
        }
    }

    static byte[] bytes(String document) throws Exception {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        for (String part : document.split(",")) {
            String[] hexAndCount = part.split("\\*");
            byte[] once = HexFormat.of().parseHex(hexAndCount[0]);
            int count = hexAndCount.length == 2 ? Integer.parseInt(hexAndCount[1]) : 1;
            for (int i = 0; i < count; i++) {
                bytes.write(once);
            }
        }
        return bytes.toByteArray();
    }
}
