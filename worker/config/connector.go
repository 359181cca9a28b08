package config

import (
	"errors"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/worker/transform/javaregex"
)

// The keys that every sink connector has, by Kafka Connect's names, groups and defaults.
var (
	Name      = connectors.String("name", "Globally unique name of the connector.", connectors.Required(), common, high, connectors.Display("Connector name"), connectors.Check("non-empty string without ISO control characters", checkName))
	ClassKey  = connectors.String("connector.class", "Name or alias of the connector's class, or the name of a sluice sink.", connectors.Required(), common, high, connectors.WithWidth(connectors.WidthLong), connectors.Display("Connector class"))
	PluginVer = connectors.String("connector.plugin.version", "Version of the connector, or a range of versions such as [1.0,2.0), of which the highest is taken; by default the highest there is.", common, connectors.Display("Connector version"))
	TasksMax  = connectors.Int("tasks.max", "Most tasks to use for this connector.", connectors.Default("1"), common, high, connectors.WithWidth(connectors.WidthShort), connectors.Display("Tasks max"), connectors.AtLeast(1))
	Enforce   = connectors.Bool("tasks.max.enforce", "Accepted; a sluice connector never makes more tasks than tasks.max.", connectors.Default("true"), common, low, connectors.WithWidth(connectors.WidthShort), connectors.Display("Enforce tasks max"))

	KeyConverter      = connectors.ClassName("key.converter", "Converter of record keys; the worker's where none is given.", common, low, short, connectors.Display("Key converter class"))
	KeyConverterVer   = connectors.String("key.converter.plugin.version", "Version of the converter, or a range of versions; there is one, that of the Kafka Connect whose converters they are.", common, low, short, connectors.Display("Key converter version"))
	ValueConverter    = connectors.ClassName("value.converter", "Converter of record values; the worker's where none is given.", common, low, short, connectors.Display("Value converter class"))
	ValueConverterVer = connectors.String("value.converter.plugin.version", "Version of the converter, or a range of versions; there is one, that of the Kafka Connect whose converters they are.", common, low, short, connectors.Display("Value converter version"))
	HeaderConverter   = connectors.ClassName("header.converter", "Converter of record headers; the worker's where none is given. A sink gets headers as they are, or, where the converter is not SimpleHeaderConverter, StringConverter or ByteArrayConverter, the text of what it read.", common, low, short, connectors.Display("Header converter class"))
	HeaderVer         = connectors.String("header.converter.plugin.version", "Version of the converter, or a range of versions; there is one, that of the Kafka Connect whose converters they are.", common, low, short, connectors.Display("Header converter version"))

	Transforms   = connectors.List("transforms", "Aliases of the transformations that records pass, in this order.", connectors.Default(""), connectors.Group("Transforms"), connectors.InOrder(12), low, connectors.WithWidth(connectors.WidthLong), connectors.Display("Transforms"), distinctAliases("transformation"))
	Predicates   = connectors.List("predicates", "Aliases of the predicates that transformations may name.", connectors.Default(""), connectors.Group("Predicates"), connectors.InOrder(13), low, connectors.WithWidth(connectors.WidthLong), connectors.Display("Predicates"), distinctAliases("predicate"))
	ActionReload = connectors.String("config.action.reload", "What to do when a value from outside changes: restart or none.", connectors.Default("restart"), common, connectors.InOrder(14), low, connectors.Display("Reload Action"), connectors.Check("[none, restart]", oneOf("none", "restart")))

	RetryTimeout = connectors.Long("errors.retry.timeout", "Longest time in milliseconds that a failed operation is tried again; -1 is without end.", connectors.Default("0"), handling, connectors.Display("Retry Timeout for Errors"), connectors.Ignored(noRetries))
	RetryDelay   = connectors.Long("errors.retry.delay.max.ms", "Longest pause between such tries.", connectors.Default("60000"), handling, connectors.Display("Maximum Delay Between Retries for Errors"), connectors.Ignored(noRetries))
	Tolerance    = connectors.String("errors.tolerance", "none: a record that cannot be converted, transformed or stored fails the task. all: such records are passed over; the dead letter queue, the log and the metrics tell of them.", connectors.Default("none"), handling, connectors.WithWidth(connectors.WidthShort), connectors.Display("Error Tolerance"), connectors.Check("[none, all]", oneOf("none", "all")))
	LogErrors    = connectors.Bool("errors.log.enable", "Whether each such record is logged, with what went wrong.", connectors.Default("false"), handling, connectors.WithWidth(connectors.WidthShort), connectors.Display("Log Errors"))
	LogMessages  = connectors.Bool("errors.log.include.messages", "Whether the log says which record it was: topic, partition and offset. Its content is never logged.", connectors.Default("false"), handling, connectors.WithWidth(connectors.WidthShort), connectors.Display("Log Error Details"))

	Topics      = connectors.List("topics", "Topics to consume, between commas. One that does not exist is waited for, and not created.", connectors.Default(""), common, connectors.InOrder(4), high, connectors.WithWidth(connectors.WidthLong), connectors.Display("Topics"))
	TopicsRegex = connectors.String("topics.regex", "Regular expression that names the topics to consume; it must match whole names.", connectors.Default(""), common, connectors.InOrder(4), high, connectors.WithWidth(connectors.WidthLong), connectors.Display("Topics regex"), connectors.Check("valid regex", checkRegex))

	DeadLetterTopic       = connectors.String("errors.deadletterqueue.topic.name", "Topic that gets the records that cannot be processed, as they were; with errors.tolerance=none the one that fails the task. Offsets are committed only when Kafka has them. Empty: none.", connectors.Default(""), handling, connectors.Display("Dead Letter Queue Topic Name"))
	DeadLetterReplication = connectors.Short("errors.deadletterqueue.topic.replication.factor", "Replication of that topic where it has to be created, which is done when a task starts, with one partition; -1 leaves it to the brokers.", connectors.Default("3"), handling, connectors.Display("Dead Letter Queue Topic Replication Factor"))
	DeadLetterContext     = connectors.Bool("errors.deadletterqueue.context.headers.enable", "Whether dead letters carry the headers __connect.errors.* that say what went wrong where.", connectors.Default("false"), handling, connectors.Display("Enable Error Context Headers"))
)

// noRetries is why two keys have no effect, in Kafka Connect either with the converters and transformations that come with it.
const noRetries = "no shipped converter or transformation fails for reasons that pass; sinks try again on their own"

var (
	common   = connectors.Group("Common")
	handling = connectors.Group("Error Handling")
	high     = connectors.WithImportance(connectors.High)
	low      = connectors.WithImportance(connectors.Low)
	short    = connectors.WithWidth(connectors.WidthShort)
)

// SinkDef declares the keys that every sink connector has.
func SinkDef() connectors.ConfigDef {
	return connectors.Define(Name, ClassKey, PluginVer, TasksMax, Enforce,
		KeyConverter, KeyConverterVer, ValueConverter, ValueConverterVer, HeaderConverter, HeaderVer,
		Transforms, Predicates, ActionReload,
		RetryTimeout, RetryDelay, Tolerance, LogErrors, LogMessages,
		Topics, TopicsRegex, DeadLetterTopic, DeadLetterReplication, DeadLetterContext)
}

// ValidateSink checks the common keys of a sink connector: each on its own, then those that depend on one another.
func ValidateSink(raw map[string]string) []connectors.ConfigValue {
	values := SinkDef().Validate(raw)
	add := func(key, message string) {
		i := slices.IndexFunc(values, func(v connectors.ConfigValue) bool { return v.Name == key })
		values[i].Errors = append(values[i].Errors, message)
	}
	list, all := Split(raw["topics"]), elements(raw["topics"])
	switch {
	case len(all) > len(unique(all)):
		add("topics", "Configuration 'topics' values must not be duplicated.")
	case slices.Contains(all, ""):
		add("topics", "Configuration 'topics' values must not be empty.")
	}
	regex := strings.TrimSpace(raw["topics.regex"])
	switch {
	case len(all) == 0 && regex == "":
		const message = "Must configure one of topics or topics.regex"
		add("topics", message)
		add("topics.regex", message)
	case len(all) > 0 && regex != "":
		const message = "topics and topics.regex are mutually exclusive options, but both are set."
		add("topics", message)
		add("topics.regex", message)
	}
	if dlq := strings.TrimSpace(raw["errors.deadletterqueue.topic.name"]); dlq != "" {
		if slices.Contains(list, dlq) {
			add("topics", "The DLQ topic '"+dlq+"' may not be included in the list of topics ('topics=["+strings.Join(list, ", ")+"]') consumed by the connector")
		}
		if re, err := regexp.Compile("^(?:" + regex + ")$"); regex != "" && err == nil && re.MatchString(dlq) {
			add("topics.regex", "The DLQ topic '"+dlq+"' may not be matched by the regex for the topics ('topics.regex="+regex+"') consumed by the connector")
		}
	}
	return values
}

// elements cuts a list at its commas and drops nothing but blanks.
func elements(list string) []string {
	if strings.TrimSpace(list) == "" {
		return nil
	}
	all := strings.Split(list, ",")
	for i := range all {
		all[i] = strings.TrimSpace(all[i])
	}
	return all
}

func unique(list []string) []string { return slices.Compact(slices.Sorted(slices.Values(list))) }

// Split cuts a list at its commas and drops blanks and empty elements.
func Split(list string) []string {
	var out []string
	for s := range strings.SplitSeq(list, ",") {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}

func checkName(name string) error {
	if name == "" {
		return errors.New("String may not be empty")
	}
	for _, r := range name {
		if r < 0x20 || r >= 0x7f && r < 0xa0 {
			return errors.New("String may not contain control sequences but had the following ASCII chars: " + controlChars(name))
		}
	}
	return nil
}

// controlChars lists the codes of the control characters.
func controlChars(s string) string {
	var codes []string
	for _, r := range s {
		if r < 0x20 || r >= 0x7f && r < 0xa0 {
			codes = append(codes, strconv.Itoa(int(r)))
		}
	}
	return strings.Join(codes, ", ")
}

func checkRegex(expr string) error {
	if _, err := javaregex.Compile(expr); err != nil { // in Java's words
		return errors.New("Invalid regex: " + err.Error())
	}
	if _, err := regexp.Compile(expr); err != nil { // what Kafka's client would not take
		return errors.New("Invalid regex: " + err.Error())
	}
	return nil
}

// oneOf is for keys whose values Kafka Connect takes in one spelling only.
func oneOf(values ...string) func(string) error {
	return func(v string) error {
		if slices.Contains(values, v) {
			return nil
		}
		return errors.New("String must be one of: " + strings.Join(values, ", "))
	}
}

// distinctAliases accepts lists in which no alias stands twice.
func distinctAliases(what string) connectors.KeyOption {
	return connectors.Check("unique "+what+" aliases", func(v string) error {
		aliases := strings.Split(v, ",")
		slices.Sort(aliases)
		if len(slices.Compact(slices.Clone(aliases))) < len(aliases) {
			return errors.New("Duplicate alias provided.")
		}
		return nil
	})
}

// taskWeight is sluice's own: Kafka Connect counts tasks. It is not among the keys of SinkDef, which are those that Kafka Connect lists.
var taskWeight = connectors.Int("sluice.task.weight", "How much work a task of this connector is, against one of another; workers share the sum evenly.", connectors.Default("1"), connectors.Between(1, 1_000_000))

// TaskWeight is how much work a task of a connector is. What is not a weight counts as 1.
func TaskWeight(raw map[string]string) int {
	if _, ok := raw[taskWeight.Name()]; !ok {
		return 1 // as nearly always
	}
	c, err := connectors.Define(taskWeight).Parse(map[string]string{taskWeight.Name(): raw[taskWeight.Name()]})
	if err != nil {
		return 1
	}
	return int(taskWeight.Get(c))
}

// CheckTaskWeight tells what is wrong with the weight of a connector's tasks.
func CheckTaskWeight(raw map[string]string) error {
	if _, ok := raw[taskWeight.Name()]; !ok {
		return nil
	}
	for _, v := range connectors.Define(taskWeight).Validate(raw) {
		if v.Name == taskWeight.Name() && len(v.Errors) > 0 {
			return errors.New(v.Errors[0])
		}
	}
	return nil
}

// Notes says, a line each, which keys of a connector's configuration have no effect, and why.
func Notes(raw map[string]string, sink []connectors.KeyDef) []string {
	known := map[string]string{} // key to the reason why it is ignored, if it is
	for _, k := range append(SinkDef().Keys(), sink...) {
		known[k.Name] = k.Ignored
	}
	var notes []string
	for _, key := range slices.Sorted(maps.Keys(raw)) {
		why, ok := known[key]
		switch {
		case ok && why != "":
			notes = append(notes, "configuration "+key+" has no effect: "+why)
		case ok, ofAlias(raw, key), key == "task.class", key == taskWeight.Name(), hasPrefix(key, "key.converter.", "value.converter.", "header.converter.", "consumer.override.", "producer.override.", "admin.override."):
		default:
			notes = append(notes, "configuration "+key+" is known neither to sluice nor to the plugin and has no effect")
		}
	}
	return notes
}

// ofAlias says whether a key belongs to a transformation or predicate whose alias is declared.
func ofAlias(raw map[string]string, key string) bool {
	for _, list := range []string{Transforms.Name(), Predicates.Name()} {
		after, ok := strings.CutPrefix(key, list+".")
		if ok && slices.ContainsFunc(Split(raw[list]), func(alias string) bool { return strings.HasPrefix(after, alias+".") }) {
			return true
		}
	}
	return false
}

func hasPrefix(s string, prefixes ...string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(s, p) })
}
