package sluice.stack.root;

import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;
import java.util.function.Supplier;

import org.elasticsearch.Build;
import org.elasticsearch.client.internal.node.NodeClient;
import org.elasticsearch.cluster.node.DiscoveryNodes;
import org.elasticsearch.cluster.metadata.IndexNameExpressionResolver;
import org.elasticsearch.cluster.service.ClusterService;
import org.elasticsearch.common.io.stream.NamedWriteableRegistry;
import org.elasticsearch.common.settings.ClusterSettings;
import org.elasticsearch.common.settings.IndexScopedSettings;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.common.settings.SettingsFilter;
import org.elasticsearch.features.NodeFeature;
import org.elasticsearch.index.IndexVersion;
import org.elasticsearch.plugins.ActionPlugin;
import org.elasticsearch.plugins.Plugin;
import org.elasticsearch.rest.BaseRestHandler;
import org.elasticsearch.rest.RestController;
import org.elasticsearch.rest.RestHandler;
import org.elasticsearch.rest.RestRequest;
import org.elasticsearch.rest.RestResponse;
import org.elasticsearch.rest.RestStatus;
import org.elasticsearch.xcontent.XContentBuilder;

/** GET / and HEAD / : the distribution answers these from its rest-root module, which is not published as a package. */
public final class RootPlugin extends Plugin implements ActionPlugin {
    private ClusterService cluster;

    @Override
    public Collection<?> createComponents(PluginServices services) {
        cluster = services.clusterService();
        return List.of();
    }

    @Override
    public Collection<RestHandler> getRestHandlers(Settings settings, NamedWriteableRegistry nw, RestController rc, ClusterSettings cs,
            IndexScopedSettings is, SettingsFilter sf, IndexNameExpressionResolver r, Supplier<DiscoveryNodes> nodes,
            Predicate<NodeFeature> features) {
        return List.of(new BaseRestHandler() {
            @Override
            public String getName() {
                return "root_action";
            }

            @Override
            public List<Route> routes() {
                return List.of(new Route(RestRequest.Method.GET, "/"), new Route(RestRequest.Method.HEAD, "/"));
            }

            @Override
            public Set<String> supportedQueryParameters() {
                return null;
            }

            @Override
            protected RestChannelConsumer prepareRequest(RestRequest request, NodeClient client) {
                return channel -> {
                    Build b = Build.current();
                    XContentBuilder x = channel.newBuilder();
                    if (request.hasParam("pretty") == false) {
                        x.prettyPrint().lfAtEnd();
                    }
                    x.startObject();
                    x.field("name", "es-1");
                    x.field("cluster_name", cluster.getClusterName().value());
                    x.field("cluster_uuid", cluster.state().metadata().clusterUUID());
                    x.startObject("version");
                    x.field("number", b.qualifiedVersion());
                    x.field("build_flavor", b.flavor());
                    x.field("build_type", b.type().displayName());
                    x.field("build_hash", b.hash());
                    x.field("build_date", b.date());
                    x.field("build_snapshot", b.isSnapshot());
                    x.field("lucene_version", IndexVersion.current().luceneVersion().toString());
                    x.field("minimum_wire_compatibility_version", b.minWireCompatVersion());
                    x.field("minimum_index_compatibility_version", b.minIndexCompatVersion());
                    x.endObject();
                    x.field("tagline", "You Know, for Search");
                    x.endObject();
                    channel.sendResponse(new RestResponse(RestStatus.OK, x));
                };
            }
        });
    }
}
