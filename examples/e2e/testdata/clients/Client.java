import java.util.Map;
import java.util.concurrent.Callable;
import org.sourcelab.kafka.connect.apiclient.Configuration;
import org.sourcelab.kafka.connect.apiclient.KafkaConnectClient;
import org.sourcelab.kafka.connect.apiclient.request.dto.*;
import org.sourcelab.kafka.connect.apiclient.request.post.PostConnectorRestart;
import org.sourcelab.kafka.connect.apiclient.rest.exceptions.InvalidRequestException;
import org.sourcelab.kafka.connect.apiclient.rest.exceptions.ResourceNotFoundException;

/** Drives a worker with every call of org.sourcelab's client: java Client.java URL FOLDER. */
public class Client {
    static final String SINK = "org.apache.kafka.connect.file.FileStreamSinkConnector";

    static void check(boolean ok, Object what) {
        if (!ok) throw new AssertionError(what);
    }

    static void until(String what, Callable<Boolean> ok) throws Exception {
        for (int i = 0; i < 600; i++, Thread.sleep(100)) {
            if (ok.call()) return;
        }
        throw new AssertionError("waited for " + what);
    }

    public static void main(String[] args) throws Exception {
        KafkaConnectClient c = new KafkaConnectClient(new Configuration(args[0]));
        Map<String, String> config = Map.of("connector.class", SINK, "topics", "clicks", "file", args[1] + "/java.txt", "tasks.max", "2");
        check(!c.getConnectServerVersion().getKafkaClusterId().isEmpty(), "no cluster");
        check(c.getConnectorPlugins().stream().anyMatch(p -> p.getClassName().equals(SINK)), c.getConnectorPlugins());
        ConnectorPluginConfigValidationResults valid = c.validateConnectorPluginConfig(
            ConnectorPluginConfigDefinition.newBuilder().withName("FileStreamSinkConnector").withConfig(config).withConfig("name", "java").build());
        check(valid.getErrorCount() == 0 && valid.getGroups().contains("Common"), valid);

        check(c.addConnector(NewConnectorDefinition.newBuilder().withName("java").withConfig(config).build()).getName().equals("java"), "created");
        until("the tasks to run", () -> c.getConnectors().contains("java") && c.getConnectorsWithExpandedStatus().getConnectorNames().contains("java")
            && c.getConnectorTasks("java").size() == 2 && c.getConnectorStatus("java").getTasks().stream().filter(t -> t.getState().equals("RUNNING")).count() == 2);
        check(c.getConnector("java").getTasks().size() == 2, c.getConnector("java"));
        check(c.getConnectorConfig("java").get("file").endsWith("java.txt"), c.getConnectorConfig("java"));
        check(c.getConnectorTaskStatus("java", 1).getState().equals("RUNNING"), c.getConnectorTaskStatus("java", 1));
        check(c.getConnectorsWithExpandedInfo().getDefinitionForConnector("java").getType().equals("sink"), c.getConnectorsWithExpandedInfo());
        check(c.getConnectorsWithAllExpandedMetadata().getStatusForConnector("java").getName().equals("java"), c.getConnectorsWithAllExpandedMetadata());
        check(c.getConnectorTopics("java").getName().equals("java"), c.getConnectorTopics("java"));
        check(c.resetConnectorTopics("java"), "reset of topics");
        check(c.restartConnectorTask("java", 0), "restart of a task");
        check(c.restartConnector("java"), "restart");
        check(c.restartConnector(new PostConnectorRestart("java").withIncludeTasks(true).withOnlyFailed(true)), "restart of what failed");
        check(c.pauseConnector("java"), "pause");
        check(c.resumeConnector("java"), "resume");
        check(c.updateConnectorConfig("java", Map.of("connector.class", SINK, "topics", "clicks", "file", args[1] + "/java.txt")).getConfig().size() == 4, "update");
        check(c.deleteConnector("java"), "delete");
        try {
            c.getConnectorStatus("java");
            check(false, "a status of nothing");
        } catch (ResourceNotFoundException e) {
            check(e.getMessage().contains("No status found for connector java"), e);
        }
        try {
            c.addConnector(NewConnectorDefinition.newBuilder().withName("java").build());
            check(false, "a connector of nothing");
        } catch (InvalidRequestException e) {
            check(e.getMessage().contains("contains no connector type"), e);
        }
        System.out.println("every call is through");
    }
}
