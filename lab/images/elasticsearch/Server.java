import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.env.Environment;
import org.elasticsearch.node.InternalSettingsPreparer;
import org.elasticsearch.node.Node;
import org.elasticsearch.transport.Netty4Plugin;

/**
 * Elasticsearch's own server, embedded: what `bin/elasticsearch` starts, without the modules that are not in Maven's
 * repositories (X-Pack, ingest-geoip). Settings come from variables with a dot in their name, as in the official image.
 */
public final class Server extends Node {
    private static final String HOME = "/usr/share/elasticsearch";
    /** Settings of modules that are not here; the server would refuse to start with them. */
    private static final List<String> ABSENT = List.of("xpack.", "ingest.geoip.");

    private Server(Environment environment) {
        super(environment, List.of(Netty4Plugin.class), false);
    }

    private static Settings settings(Map<String, String> variables) {
        Settings.Builder settings = Settings.builder()
            .put("path.home", HOME)
            .put("cluster.name", "docker-cluster")
            .put("network.host", "0.0.0.0")
            .put("http.type", "netty4")
            .put("transport.type", "netty4");
        new TreeMap<>(variables).forEach((name, value) -> {
            if (!name.matches("[a-z0-9_]+(\\.[a-z0-9_]+)+")) return;
            if (ABSENT.stream().anyMatch(name::startsWith)) System.out.println(name + " is left out: its module is not in this image");
            else settings.put(name, value);
        });
        return settings.build();
    }

    public static void main(String[] args) throws Exception {
        Environment environment = InternalSettingsPreparer.prepareEnvironment(
            settings(System.getenv()), Map.of(), Path.of(HOME, "config"), () -> System.getenv("HOSTNAME"));
        Server server = new Server(environment);
        CountDownLatch stopped = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            try {
                server.close();
            } catch (Exception e) {
                e.printStackTrace();
            }
            stopped.countDown();
        }));
        server.start();
        stopped.await();
    }
}
