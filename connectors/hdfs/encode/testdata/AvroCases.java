import com.fasterxml.jackson.databind.*;
import com.fasterxml.jackson.databind.node.*;
import io.confluent.connect.avro.*;
import io.confluent.kafka.serializers.NonRecordContainer;
import io.confluent.connect.storage.schema.*;
import org.apache.avro.generic.*;
import org.apache.avro.io.*;
import org.apache.kafka.connect.data.*;
import org.apache.kafka.connect.json.*;
import org.apache.kafka.connect.sink.SinkRecord;
import java.util.*;
import java.io.*;

/*
 * What Confluent's AvroData and StorageSchemaCompatibility make of the schemas and values of avro.json:
 *
 *   java -cp 'classes:lib/*' AvroCases avro.json > avro.golden.json
 *
 * On the class path are io.confluent:kafka-connect-avro-data 8.x and kafka-connect-storage-core 12.x (both from
 * packages.confluent.io), org.apache.kafka:connect-json 4.3.1 and what they need. Names that Avro does not allow are scrubbed.
 */
public class AvroCases {
  static SchemaAndValue read(JsonConverter c, JsonNode schema, JsonNode payload) throws Exception {
    ObjectNode env = JsonNodeFactory.instance.objectNode(); env.set("schema", schema); env.set("payload", payload);
    return c.toConnectData("t", new ObjectMapper().writeValueAsBytes(env));
  }
  static String encode(AvroData a, Schema s, Object v) throws Exception {
    org.apache.avro.Schema as = a.fromConnectSchema(s);
    Object o = a.fromConnectData(s, v);
    if (o instanceof NonRecordContainer) o = ((NonRecordContainer) o).getValue();
    ByteArrayOutputStream b = new ByteArrayOutputStream();
    Encoder e = EncoderFactory.get().binaryEncoder(b, null);
    new GenericDatumWriter<Object>(as).write(o, e); e.flush();
    return HexFormat.of().formatHex(b.toByteArray());
  }
  public static void main(String[] args) throws Exception {
    ObjectMapper m = new ObjectMapper();
    JsonConverter c = new JsonConverter(); c.configure(Map.of("schemas.enable", "true", "converter.type", "value"));
    ObjectNode in = (ObjectNode) m.readTree(new File(args[0]));
    ArrayNode out = m.createArrayNode();
    for (JsonNode cs : in.get("schemas")) {
      ObjectNode o = out.addObject(); o.put("name", cs.get("name").asText());
      for (boolean meta : new boolean[]{true, false}) {
        Map<String,Object> conf = new HashMap<>(); conf.put("connect.meta.data", ""+meta); conf.put("enhanced.avro.schema.support", ""+!cs.path("plain").asBoolean()); conf.put("scrub.invalid.names", "true");
        AvroData a = new AvroData(new AvroDataConfig(conf));
        try {
          Schema s = c.asConnectSchema(cs.get("schema"));
          o.set(meta ? "avro" : "avroPlain", m.readTree(a.fromConnectSchema(s).toString()));
          if (!meta) continue;
          ArrayNode vs = o.putArray("values");
          for (JsonNode v : cs.get("values")) {
            try { SchemaAndValue sv = read(c, cs.get("schema"), v); vs.add(encode(a, sv.schema(), sv.value())); }
            catch (Exception e) { vs.add("error: " + e); }
          }
        } catch (Exception e) { o.put("error", e.toString()); }
      }
    }
    ArrayNode comp = m.createArrayNode();
    for (JsonNode cs : in.get("projections")) {
      ObjectNode o = comp.addObject(); o.put("name", cs.get("name").asText());
      for (StorageSchemaCompatibility mode : StorageSchemaCompatibility.values()) {
        try {
          SchemaAndValue sv = read(c, cs.get("record"), cs.get("value"));
          Schema file = c.asConnectSchema(cs.get("file"));
          SinkRecord r = new SinkRecord("t", 0, null, null, sv.schema(), sv.value(), 0);
          if (mode.shouldChangeSchema(r, null, file).isInCompatible()) { o.put(mode.name(), "rotate"); continue; }
          SinkRecord p = mode.project(r, null, file);
          AvroData a = new AvroData(100);
          JsonConverter plain = new JsonConverter(); plain.configure(Map.of("schemas.enable", "false", "converter.type", "value"));
          o.put(mode.name(), encode(a, p.valueSchema(), p.value()));
          if (mode == StorageSchemaCompatibility.BACKWARD || mode == StorageSchemaCompatibility.FORWARD) o.set("json", m.readTree(plain.fromConnectData("t", p.valueSchema(), p.value())));
        } catch (Exception e) { o.put(mode.name(), "error: " + e.getMessage()); }
      }
    }
    ObjectNode all = m.createObjectNode(); all.set("schemas", out); all.set("projections", comp);
    System.out.println(m.writerWithDefaultPrettyPrinter().writeValueAsString(all));
  }
}
