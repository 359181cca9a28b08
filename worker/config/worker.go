package config

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/sluice-connect/sluice/connectors"
)

// The worker properties that sluice reads, by Kafka Connect's names and with its defaults, except where the text says
// otherwise. Names that begin with sluice. are its own.
var (
	bootstrapServers = connectors.List("bootstrap.servers", "Brokers to begin with, host:port between commas.", connectors.Required(), connectors.WithImportance(connectors.High))
	groupID          = connectors.String("group.id", "Name of the Connect cluster; all workers that share it share the work.", connectors.Required(), connectors.NonEmpty(), connectors.WithImportance(connectors.High))
	keyConverter     = connectors.ClassName("key.converter", "Converter of record keys for connectors that name none.", connectors.Required(), connectors.WithImportance(connectors.High))
	headerConverter  = connectors.ClassName("header.converter", "Converter of record headers for connectors that name none.", connectors.Default("org.apache.kafka.connect.storage.SimpleHeaderConverter"), connectors.WithImportance(connectors.Low))
	valueConverter   = connectors.ClassName("value.converter", "Converter of record values for connectors that name none.", connectors.Required(), connectors.WithImportance(connectors.High))

	configTopic       = connectors.String("config.storage.topic", "Topic that holds connector configurations; compacted, one partition.", connectors.Required(), connectors.NonEmpty(), connectors.WithImportance(connectors.High))
	configReplication = connectors.Int("config.storage.replication.factor", "Replication of the configuration topic where it has to be created; -1 leaves it to the brokers.", connectors.Default("3"), connectors.WithImportance(connectors.Low))
	statusTopic       = connectors.String("status.storage.topic", "Topic that holds the states of connectors and tasks; compacted.", connectors.Required(), connectors.NonEmpty(), connectors.WithImportance(connectors.High))
	statusPartitions  = connectors.Int("status.storage.partitions", "Partitions of the status topic where it has to be created.", connectors.Default("5"), connectors.WithImportance(connectors.Low))
	statusReplication = connectors.Int("status.storage.replication.factor", "Replication of the status topic where it has to be created; -1 leaves it to the brokers.", connectors.Default("3"), connectors.WithImportance(connectors.Low))
	offsetTopic       = connectors.String("offset.storage.topic", "Topic for the offsets of source connectors. Accepted; sluice runs sinks, whose offsets are those of their consumer groups.", connectors.Default(""))
	assignmentTopic   = connectors.String("assignment.storage.topic", "Topic on which workers meet and that holds the placement of tasks; compacted, one partition. Not known to Kafka Connect; by default the name of the configuration topic with -assignment behind it.", connectors.Default(""))

	pluginPath      = connectors.List("plugin.path", "Folders that hold plugin binaries. Java plugins in them are passed over.", connectors.Default(""))
	overridePolicy  = connectors.String("connector.client.config.override.policy", "Which consumer.override.* keys connectors may set: All, None, Allowlist, or Principal (sasl.jaas.config, sasl.mechanism, security.protocol).", connectors.Default("All"), connectors.Check("[All, None, Allowlist, Principal]", checkOverridePolicy))
	overrideAllowed = connectors.List("connector.client.config.override.allowlist", "Settings that connectors may set where the policy is Allowlist, without consumer.override.", connectors.Default(""))

	flushInterval   = connectors.Millis("offset.flush.interval.ms", "Time between two commits of what is durable. Kafka Connect's default is a minute; a commit costs little here and bounds what is read again after a kill.", connectors.Default("1000"), connectors.AtLeast(1))
	flushTimeout    = connectors.Millis("offset.flush.timeout.ms", "Time that a commit may take.", connectors.Default("5000"), connectors.AtLeast(1))
	gracefulTimeout = connectors.Millis("task.shutdown.graceful.timeout.ms", "Time that tasks have to make durable what they hold when they stop; then their process is ended.", connectors.Default("5000"), connectors.AtLeast(1))
	rebalanceDelay  = connectors.Millis("scheduled.rebalance.max.delay.ms", "Time that the work of a departed worker waits for its return.", connectors.Default("300000"), connectors.AtLeast(0))
	sessionTimeout  = connectors.Millis("session.timeout.ms", "Time without a heartbeat after which a worker counts as gone.", connectors.Default("10000"), connectors.AtLeast(1))
	heartbeat       = connectors.Millis("heartbeat.interval.ms", "Time between two heartbeats; a third of the session timeout where that is less. Kafka Connect's default is 3000; workers learn by a heartbeat's answer that somebody has come or gone.", connectors.Default("1000"), connectors.AtLeast(1))
	releaseTimeout  = connectors.Millis("rebalance.timeout.ms", "Time for which work that moves to another worker waits for the one that has it to let go.", connectors.Default("60000"), connectors.AtLeast(1))
	keyTTL          = connectors.Millis("inter.worker.key.ttl.ms", "Time for which a key for requests between workers is in use.", connectors.Default("3600000"), connectors.AtLeast(1000))
	keyAlgorithm    = connectors.String("inter.worker.signature.algorithm", "How requests between workers are signed; all workers need the same.", connectors.Default("HmacSHA256"), connectors.OneOf("HmacSHA256", "HmacSHA384", "HmacSHA512"))
	topicTracking   = connectors.Bool("topic.tracking.enable", "Whether the topics that a connector has used are recorded.", connectors.Default("true"))
	topicReset      = connectors.Bool("topic.tracking.allow.reset", "Whether that record can be reset over REST.", connectors.Default("true"))

	taskMemory      = connectors.Long("sluice.task.buffer.bytes", "Bytes of records that one task may hold between Kafka and its plugin, unless a single record is larger.", connectors.Default("1048576"), connectors.AtLeast(256<<10))
	fetchMemory     = connectors.Long("sluice.task.fetch.bytes", "Bytes of records that the Kafka client of one task may fetch ahead.", connectors.Default("4194304"), connectors.AtLeast(1<<20))
	restartOn       = connectors.List("sluice.restart.on", "Failures after which a task starts again by itself: crash (its plugin died) and retriable (the other side was away). Empty: none, as in Kafka Connect.", connectors.Default("crash,retriable"))
	restartBackoff  = connectors.Millis("sluice.restart.backoff.max.ms", "Longest pause between two such restarts; the first comes at once, then the pause doubles, with jitter.", connectors.Default("30000"), connectors.AtLeast(100))
	restartCrashes  = connectors.Int("sluice.restart.crash.limit", "Crashes of a plugin within ten minutes after which its tasks stay FAILED until they are restarted by hand.", connectors.Default("20"), connectors.AtLeast(1))
	pluginEnv       = connectors.List("sluice.plugin.env", "Environment variables that plugins get beside PATH, HOME, TZ, LANG and those for certificates.", connectors.Default(""))
	pluginMTLS      = connectors.Bool("sluice.plugin.mtls", "Whether worker and plugins speak TLS to each other although their sockets lie in a private folder.", connectors.Default("false"))
	runDir          = connectors.String("sluice.run.dir", "Folder for the sockets of plugins; a private one is made in it, or in /tmp where its path is too long for a socket. Default: the system's folder for temporary files.", connectors.Default(""))
	pluginIsolation = connectors.String("plugin.isolation", "connector: one plugin process for all tasks of a connector; task: one for each.", connectors.Default("connector"), connectors.OneOf("connector", "task"))
)

// WorkerDef declares the worker properties.
func WorkerDef() connectors.ConfigDef {
	return connectors.Define(bootstrapServers, groupID, keyConverter, valueConverter, headerConverter,
		configTopic, configReplication, statusTopic, statusPartitions, statusReplication, offsetTopic, assignmentTopic,
		listeners, adminListeners, advertisedHost, advertisedPort, advertisedListener, allowOrigin, allowMethods, headersConfig,
		restExtensions, basicAuthFile, keystoreLocation, keystorePassword, keyPassword, truststoreLocation, truststorePassword, clientAuth, enabledProtocols,
		pluginPath, overridePolicy, overrideAllowed,
		flushInterval, flushTimeout, gracefulTimeout, rebalanceDelay, sessionTimeout, heartbeat, releaseTimeout, keyTTL, keyAlgorithm, topicTracking, topicReset,
		taskMemory, fetchMemory, restartOn, restartBackoff, restartCrashes, pluginEnv, pluginMTLS, runDir, pluginIsolation)
}

// Worker is the configuration of a worker process.
type Worker struct {
	props      map[string]string
	advertised struct {
		scheme, host string
		port         int
	}

	BootstrapServers []string
	GroupID          string
	KeyConverter     string
	ValueConverter   string
	HeaderConverter  string

	ConfigTopic, StatusTopic, AssignmentTopic              string
	ConfigReplication, StatusReplication, StatusPartitions int

	Listeners       []string
	AdminListeners  []string // meaningful where AdminSet
	AdminSet        bool
	TLS, AdminTLS   ListenerTLS
	BasicAuthFile   string // empty: nobody is asked who they are
	AllowOrigin     string
	AllowMethods    string
	ResponseHeaders string
	PluginPath      []string
	Overrides       OverridePolicy

	FlushInterval, FlushTimeout, GracefulTimeout time.Duration
	RebalanceDelay, SessionTimeout               time.Duration
	HeartbeatInterval, ReleaseTimeout            time.Duration
	KeyTTL                                       time.Duration
	KeyAlgorithm                                 string
	TopicTracking, TopicReset                    bool

	TaskBuffer, FetchBuffer int64
	RestartCrash            bool
	RestartRetriable        bool
	RestartBackoff          time.Duration
	RestartCrashLimit       int
	PluginEnv               []string
	PluginMTLS              bool
	RunDir                  string
	IsolateTasks            bool
}

// LoadWorker reads a worker properties file.
func LoadWorker(path string, log *slog.Logger) (Worker, error) {
	f, err := os.Open(path)
	if err != nil {
		return Worker{}, fmt.Errorf("reading worker properties: %w", err)
	}
	defer f.Close() //nolint:errcheck // read only
	props, err := ParseProperties(f)
	if err != nil {
		return Worker{}, fmt.Errorf("reading worker properties %s: %w", path, err)
	}
	w, err := ParseWorker(props, log)
	if err != nil {
		return Worker{}, fmt.Errorf("worker properties %s: %w", path, err)
	}
	return w, nil
}

// ParseWorker makes a worker configuration of properties, naming everything that is wrong with them.
func ParseWorker(props map[string]string, log *slog.Logger) (Worker, error) {
	props = maps.Clone(props)
	if err := resolveWorker(props); err != nil {
		return Worker{}, err
	}
	c, err := WorkerDef().Parse(props)
	if err != nil {
		if e, ok := errors.AsType[*connectors.Error](err); ok {
			return Worker{}, e.Err
		}
		return Worker{}, err
	}
	w := Worker{
		props:             props,
		BootstrapServers:  bootstrapServers.Get(c),
		GroupID:           groupID.Get(c),
		KeyConverter:      keyConverter.Get(c),
		ValueConverter:    valueConverter.Get(c),
		HeaderConverter:   headerConverter.Get(c),
		ConfigTopic:       configTopic.Get(c),
		StatusTopic:       statusTopic.Get(c),
		AssignmentTopic:   assignmentTopic.Get(c),
		ConfigReplication: configReplication.Get(c),
		StatusReplication: statusReplication.Get(c),
		StatusPartitions:  statusPartitions.Get(c),
		Listeners:         listeners.Get(c),
		AdminListeners:    adminListeners.Get(c),
		AdminSet:          c.IsSet(adminListeners.Name()),
		AllowOrigin:       allowOrigin.Get(c),
		AllowMethods:      allowMethods.Get(c),
		ResponseHeaders:   headersConfig.Get(c),
		PluginPath:        pluginPath.Get(c),
		Overrides:         newOverridePolicy(overridePolicy.Get(c), overrideAllowed.Get(c)),
		FlushInterval:     flushInterval.Get(c),
		FlushTimeout:      flushTimeout.Get(c),
		GracefulTimeout:   gracefulTimeout.Get(c),
		RebalanceDelay:    rebalanceDelay.Get(c),
		SessionTimeout:    sessionTimeout.Get(c),
		HeartbeatInterval: heartbeat.Get(c),
		ReleaseTimeout:    releaseTimeout.Get(c),
		KeyTTL:            keyTTL.Get(c),
		KeyAlgorithm:      keyAlgorithm.Get(c),
		TopicTracking:     topicTracking.Get(c),
		TopicReset:        topicReset.Get(c),
		TaskBuffer:        taskMemory.Get(c),
		FetchBuffer:       fetchMemory.Get(c),
		RestartCrash:      slices.Contains(restartOn.Get(c), "crash"),
		RestartRetriable:  slices.Contains(restartOn.Get(c), "retriable"),
		RestartBackoff:    restartBackoff.Get(c),
		RestartCrashLimit: restartCrashes.Get(c),
		PluginEnv:         pluginEnv.Get(c),
		PluginMTLS:        pluginMTLS.Get(c),
		RunDir:            runDir.Get(c),
		IsolateTasks:      strings.EqualFold(pluginIsolation.Get(c), "task"),
	}
	if w.AssignmentTopic == "" {
		w.AssignmentTopic = w.ConfigTopic + "-assignment"
	}
	if err := w.distinctTopics(); err != nil {
		return Worker{}, err
	}
	if w.RunDir == "" {
		w.RunDir = os.TempDir()
	}
	w.advertised.scheme, w.advertised.host, w.advertised.port = advertisedListener.Get(c), advertisedHost.Get(c), advertisedPort.Get(c)
	if err := w.parseREST(c); err != nil {
		return Worker{}, err
	}
	for _, l := range slices.Concat(w.Listeners, w.AdminListeners) {
		if _, err := url.Parse(l); err != nil {
			return Worker{}, fmt.Errorf("invalid value %q for configuration listeners: %w", l, err)
		}
	}
	// A client that cannot connect as configured is refused here, not when the first connector starts.
	if _, err := w.ClientProps(log); err != nil {
		return Worker{}, err
	}
	return w, nil
}

// distinctTopics refuses one topic for two purposes.
func (w Worker) distinctTopics() error {
	key := map[string]string{}
	for _, t := range [][2]string{{configTopic.Name(), w.ConfigTopic}, {statusTopic.Name(), w.StatusTopic}, {assignmentTopic.Name(), w.AssignmentTopic}} {
		if other, taken := key[t[1]]; taken {
			return fmt.Errorf("invalid value %q for configuration %s: it is that of %s too; each needs a topic of its own", t[1], t[0], other)
		}
		key[t[1]] = t[0]
	}
	return nil
}

// Prefixed are the worker properties whose names begin with prefix, without it: the settings of the worker's converters.
func (w Worker) Prefixed(prefix string) map[string]string {
	out := map[string]string{}
	for name, value := range w.props {
		if after, ok := strings.CutPrefix(name, prefix); ok {
			out[after] = value
		}
	}
	return out
}
