import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.opensearch.common.settings.Settings;
import org.opensearch.node.InternalSettingsPreparer;
import org.opensearch.node.Node;
import org.opensearch.transport.Netty4Plugin;

/** One node of OpenSearch on this machine: the folder it works in, the port for requests, a port for other nodes. */
public final class OneNode extends Node {
    private OneNode(Settings settings, Path home) {
        super(
            InternalSettingsPreparer.prepareEnvironment(settings, Map.of(), home, () -> "only"),
            List.of(Netty4Plugin.class),
            false);
    }

    public static void main(String[] words) throws Exception {
        Settings settings =
            Settings.builder()
                .put("path.home", words[0])
                .put("node.name", "only")
                .put("cluster.name", "freezer-tests")
                .put("network.host", "127.0.0.1")
                .put("http.port", words[1])
                .put("transport.port", words[2])
                .put("discovery.type", "single-node")
                .put("cluster.routing.allocation.disk.threshold_enabled", false)
                .put("cluster.max_shards_per_node", 10000)
                .build();
        new OneNode(settings, Path.of(words[0])).start();
        Thread.currentThread().join();
    }
}
