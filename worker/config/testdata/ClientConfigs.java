import java.util.*;
import org.apache.kafka.clients.admin.AdminClientConfig;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.config.ConfigDef;

/**
 * Prints the settings of Kafka's clients, a line each with tabs between: client, name, type, importance, and, unless the setting is
 * required, its default: null, or = and the text. clientsettings.tsv is what it printed with Kafka 4.3.1:
 *
 *     java -cp "LIB/*" worker/config/testdata/ClientConfigs.java > worker/config/clientsettings.tsv
 */
public class ClientConfigs {
    public static void main(String[] args) throws Exception {
        print("consumer", ConsumerConfig.configDef());
        print("producer", ProducerConfig.configDef());
        print("admin", AdminClientConfig.configDef());
    }

    static void print(String client, ConfigDef def) {
        for (Map.Entry<String, ConfigDef.ConfigKey> e : new TreeMap<>(def.configKeys()).entrySet()) {
            ConfigDef.ConfigKey k = e.getValue();
            String line = client + "\t" + k.name + "\t" + k.type + "\t" + k.importance;
            if (k.defaultValue != ConfigDef.NO_DEFAULT_VALUE)
                line += "\t" + (k.defaultValue == null ? "null" : "=" + ConfigDef.convertToString(k.defaultValue, k.type));
            System.out.println(line);
        }
    }
}
