import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigValue;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.connect.data.Field;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.data.Values;
import org.apache.kafka.connect.header.Header;
import org.apache.kafka.connect.json.JsonConverter;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.transforms.Transformation;
import org.apache.kafka.connect.transforms.predicates.Predicate;

/**
 * Asks Kafka Connect's own transformations and predicates what they make of the records in a list, and prints the list with
 * the answers.
 *
 * A line of the list is a JSON object: name, type and config of a transformation or predicate, and record. Key, value and
 * headers of the record are envelopes of schema and payload, as JsonConverter has them, or names of such, which an earlier line
 * defines under "define". Or it is a text, for which the answer is what Values.parseString makes of it. The former answer, under
 * "answer", is replaced. "=" in an answer stands for what the record had before.
 *
 *   javac -cp 'lib/*' -d . TransformCases.java
 *   java -Duser.timezone=UTC -Duser.language=en -Duser.country=US -cp '.:lib/*' TransformCases cases.jsonl >new.jsonl
 *
 * where lib/ holds org.apache.kafka:connect-transforms and connect-json with what they depend on, of the Kafka version named in
 * transform/doc.go.
 */
public class TransformCases {
    static final ObjectMapper MAPPER = new ObjectMapper();
    static final JsonConverter JSON = new JsonConverter();
    static final Map<String, JsonNode> DEFINED = new HashMap<>();

    public static void main(String[] args) throws Exception {
        JSON.configure(Map.of("schemas.enable", "true", "replace.null.with.default", "false"), false);
        StringBuilder out = new StringBuilder();
        for (String line : Files.readAllLines(Path.of(args[0]), StandardCharsets.UTF_8)) {
            if (line.isBlank()) {
                out.append('\n');
                continue;
            }
            ObjectNode c = (ObjectNode) MAPPER.readTree(line);
            c.remove("answer");
            if (c.has("define")) {
                c.get("define").fields().forEachRemaining(e -> DEFINED.put(e.getKey(), e.getValue()));
                out.append(MAPPER.writeValueAsString(c)).append('\n');
                continue;
            }
            c.set("answer", c.has("text") ? text(c.get("text").asText()) : answer(c));
            out.append(MAPPER.writeValueAsString(c)).append('\n');
        }
        System.out.print(out);
    }

    static JsonNode text(String text) {
        ObjectNode a = MAPPER.createObjectNode();
        try {
            SchemaAndValue parsed = Values.parseString(text);
            a.set("schema", parsed == null || parsed.schema() == null ? null : JSON.asJsonSchema(parsed.schema()));
            a.put("value", parsed == null ? "null" : render(parsed.value()));
            a.put("text", parsed == null ? null : Values.convertToString(parsed.schema(), parsed.value()));
        } catch (Exception e) {
            a.put("error", problem(e));
        }
        return a;
    }

    @SuppressWarnings("unchecked")
    static JsonNode answer(ObjectNode c) throws Exception {
        ObjectNode a = MAPPER.createObjectNode();
        Map<String, String> config = new TreeMap<>();
        c.get("config").fields().forEachRemaining(e -> config.put(e.getKey(), e.getValue().asText()));
        Object plugin = Class.forName(c.get("type").asText()).getDeclaredConstructor().newInstance();
        ConfigDef def = plugin instanceof Transformation ? ((Transformation<SinkRecord>) plugin).config() : ((Predicate<SinkRecord>) plugin).config();
        ArrayNode invalid = MAPPER.createArrayNode();
        for (ConfigValue v : def.validate(config)) {
            for (String message : v.errorMessages()) {
                invalid.add(v.name() + ": " + message);
            }
        }
        if (!invalid.isEmpty()) {
            a.set("invalid", invalid);
            return a;
        }
        try {
            if (plugin instanceof Transformation) {
                ((Transformation<SinkRecord>) plugin).configure(config);
            } else {
                ((Predicate<SinkRecord>) plugin).configure(config);
            }
        } catch (Exception e) {
            a.put("misconfigured", problem(e));
            return a;
        }
        SinkRecord record;
        try {
            record = record(c.get("record"));
        } catch (Exception e) {
            a.put("unreadable", problem(e)); // the list is wrong
            return a;
        }
        try {
            if (plugin instanceof Predicate) {
                a.put("holds", ((Predicate<SinkRecord>) plugin).test(record));
                return a;
            }
            SinkRecord changed = ((Transformation<SinkRecord>) plugin).apply(record);
            if (changed == null) {
                a.put("dropped", true);
                return a;
            }
            SinkRecord before = record(c.get("record"));
            a.put("topic", before.topic().equals(changed.topic()) ? "=" : changed.topic());
            a.set("keySchema", schema(before.keySchema(), changed.keySchema()));
            a.put("key", value(before.key(), changed.key()));
            a.set("valueSchema", schema(before.valueSchema(), changed.valueSchema()));
            a.put("value", value(before.value(), changed.value()));
            if (!headers(before).equals(headers(changed))) {
                a.set("headers", headers(changed));
            }
        } catch (Exception e) {
            a.removeAll();
            a.put("error", problem(e));
        }
        return a;
    }

    static JsonNode schema(Schema before, Schema now) {
        return Objects.equals(before, now) ? TextNode.valueOf("=") : JSON.asJsonSchema(now);
    }

    static String value(Object before, Object now) throws Exception {
        String text = render(now);
        return text.equals(render(before)) ? "=" : text;
    }

    static ArrayNode headers(SinkRecord record) throws Exception {
        ArrayNode headers = MAPPER.createArrayNode();
        for (Header h : record.headers()) {
            ArrayNode one = headers.addArray();
            one.add(h.key());
            one.add(JSON.asJsonSchema(h.schema()));
            one.add(render(h.value()));
        }
        return headers;
    }

    /** Messages of problems that Java finds by itself depend on its version. */
    static String problem(Exception e) {
        String message = e instanceof NullPointerException || e instanceof ClassCastException ? "" : ": " + e.getMessage();
        return e.getClass().getName() + message;
    }

    static SinkRecord record(JsonNode r) throws Exception {
        SchemaAndValue key = data(r.get("key"));
        SchemaAndValue value = data(r.get("value"));
        Long timestamp = r.hasNonNull("timestamp") ? r.get("timestamp").asLong() : null;
        String topic = r.hasNonNull("topic") ? r.get("topic").asText() : "events";
        SinkRecord record = new SinkRecord(topic, 3, key.schema(), key.value(), value.schema(), value.value(), 42, timestamp,
                timestamp == null ? TimestampType.NO_TIMESTAMP_TYPE : TimestampType.CREATE_TIME);
        if (r.has("headers")) {
            for (JsonNode h : r.get("headers")) {
                SchemaAndValue v = data(h.get(1));
                record.headers().add(h.get(0).asText(), v.value(), v.schema());
            }
        }
        return record;
    }

    static SchemaAndValue data(JsonNode envelope) throws Exception {
        if (envelope == null || envelope.isNull()) {
            return SchemaAndValue.NULL;
        }
        if (envelope.isTextual()) {
            return data(DEFINED.get(envelope.asText()));
        }
        return JSON.toConnectData("events", MAPPER.writeValueAsBytes(envelope));
    }

    static String render(Object v) throws Exception {
        if (v == null || v instanceof Boolean) {
            return String.valueOf(v);
        } else if (v instanceof Byte) {
            return v + "b";
        } else if (v instanceof Short) {
            return v + "s";
        } else if (v instanceof Integer) {
            return v + "i";
        } else if (v instanceof Long) {
            return v + "l";
        } else if (v instanceof Float) {
            return v + "f";
        } else if (v instanceof Double) {
            return v + "d";
        } else if (v instanceof BigDecimal) {
            return v + "m";
        } else if (v instanceof String) {
            return MAPPER.writeValueAsString(v);
        } else if (v instanceof java.util.Date) {
            return "@" + ((java.util.Date) v).getTime();
        } else if (v instanceof byte[]) {
            return "0x" + HexFormat.of().formatHex((byte[]) v);
        } else if (v instanceof ByteBuffer) {
            return "0x" + HexFormat.of().formatHex(((ByteBuffer) v).array());
        } else if (v instanceof List) {
            List<String> parts = new ArrayList<>();
            for (Object e : (List<?>) v) {
                parts.add(render(e));
            }
            return "[" + String.join(",", parts) + "]";
        } else if (v instanceof Map) {
            List<String> parts = new ArrayList<>();
            for (Map.Entry<?, ?> e : ((Map<?, ?>) v).entrySet()) {
                parts.add(render(e.getKey()) + ":" + render(e.getValue()));
            }
            Collections.sort(parts);
            return "{" + String.join(",", parts) + "}";
        } else if (v instanceof Struct) {
            List<String> parts = new ArrayList<>();
            for (Field f : ((Struct) v).schema().fields()) {
                parts.add(f.name() + ":" + render(((Struct) v).getWithoutDefault(f.name())));
            }
            return "<" + String.join(",", parts) + ">";
        }
        return v.getClass().getName();
    }
}
