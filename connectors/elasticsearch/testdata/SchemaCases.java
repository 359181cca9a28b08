import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.confluent.connect.elasticsearch.DataConverter;
import io.confluent.connect.elasticsearch.ElasticsearchSinkConnectorConfig;
import io.confluent.connect.elasticsearch.Mapping;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.json.JsonConverter;
import org.apache.kafka.connect.sink.SinkRecord;
import org.elasticsearch.action.index.IndexRequest;
import org.elasticsearch.common.Strings;

/**
 * Asks Confluent's Elasticsearch sink which mapping and which document it makes of records with schemas, and prints the
 * list with the answers. A line is a JSON object: name, compact (compact.map.entries), schema and payload as JsonConverter
 * reads them. Added are carried (what a batch of sluice carries: the payload as JsonConverter writes it), mapping, document
 * and, in their place, error.
 *
 *   javac -cp 'lib/*:classes' -d . SchemaCases.java && java -cp '.:classes:lib/*' SchemaCases schemas.golden.jsonl > new.jsonl
 *
 * where lib/ holds org.apache.kafka:connect-json 4.3.1 and org.elasticsearch:elasticsearch 7.17.24 with what they depend on,
 * and classes/ Mapping, DataConverter and ElasticsearchSinkConnectorConfig of the sink.
 */
public class SchemaCases {
    private static final ObjectMapper JSON = new ObjectMapper();

    public static void main(String[] args) throws Exception {
        try (JsonConverter enveloped = new JsonConverter(); JsonConverter bare = new JsonConverter()) {
            enveloped.configure(Map.of("schemas.enable", "true"), false);
            bare.configure(Map.of("schemas.enable", "false"), false);
            for (String line : Files.readAllLines(Path.of(args[0]), StandardCharsets.UTF_8)) {
                ObjectNode c = (ObjectNode) JSON.readTree(line);
                c.remove(java.util.List.of("carried", "mapping", "document", "error"));
                ObjectNode envelope = JSON.createObjectNode();
                envelope.set("schema", c.get("schema"));
                envelope.set("payload", c.get("payload"));
                try {
                    SchemaAndValue v = enveloped.toConnectData("topic", JSON.writeValueAsBytes(envelope));
                    c.set("schema", enveloped.asJsonSchema(v.schema()));
                    c.set("carried", JSON.readTree(bare.fromConnectData("topic", v.schema(), v.value())));
                    c.set("mapping", JSON.readTree(Strings.toString(Mapping.buildMapping(v.schema()))));
                    DataConverter converter = new DataConverter(new ElasticsearchSinkConnectorConfig(Map.of(
                        "connection.url", "http://localhost:9200", "key.ignore", "true", "compact.map.entries", c.get("compact").asText())));
                    SinkRecord record = new SinkRecord("topic", 0, null, null, v.schema(), v.value(), 0);
                    JsonNode document = JSON.readTree(((IndexRequest) converter.convertRecord(record, "topic")).source().utf8ToString());
                    c.set("document", document);
                } catch (Exception e) {
                    c.put("error", String.valueOf(e.getMessage()).split("\n")[0]);
                }
                System.out.println(JSON.writeValueAsString(c));
            }
        }
    }
}
