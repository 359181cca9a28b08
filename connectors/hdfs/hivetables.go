package hdfs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"sync"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/connectors/hdfs/hive"
	"github.com/sluice-connect/sluice/connectors/hdfs/partition"
)

var (
	hiveIntegration = connectors.Bool("hive.integration", "Whether there are to be Hive tables. The sink keeps none: it logs the statements that lay a table over each topic's folder, once for each task and topic.",
		connectors.Group(groupHive), connectors.Default("false"), connectors.Dependents("hive.database", "hive.table.name"))
	hiveDatabase = connectors.String("hive.database", "Database in those statements.",
		connectors.Group(groupHive), connectors.Default("default"))
	hiveTable = connectors.String("hive.table.name", "Table in those statements; ${topic} stands for the topic.",
		connectors.Group(groupHive), connectors.Default("${topic}"), connectors.Check("with ${topic} in it", checkTableName))
)

// substitution is a variable in a name.
var substitution = regexp.MustCompile(`\$\{[^}]*\}`)

func checkTableName(s string) error {
	const topic = "${topic}"
	if !strings.Contains(s, topic) {
		return errors.New("it has to contain topic substitution '${topic}'")
	}
	if other := substitution.FindString(strings.ReplaceAll(s, topic, "")); other != "" {
		return fmt.Errorf("it contains an invalid ${} substitution '%s'; valid is '${topic}'", other)
	}
	return nil
}

func hiveKeys() []connectors.AnyKey {
	return []connectors.AnyKey{hiveIntegration, hiveDatabase, hiveTable}
}

// hiveSettings are what statements need to know besides the topic and its schema.
type hiveSettings struct {
	hive.Table
	url  string    // of the store
	dirs topicDirs // below it
}

func newHive(cfg connectors.Config, url string, dirs topicDirs) *hiveSettings {
	if !hiveIntegration.Get(cfg) {
		return nil
	}
	return &hiveSettings{
		Table: hive.Table{
			Database: hiveDatabase.Get(cfg), Name: hiveTable.Get(cfg), Format: lastPart(formatClass.Get(cfg)), Folders: partitionFolders(cfg),
		},
		url: strings.TrimRight(url, "/"), dirs: dirs,
	}
}

// partitionFolders are the names before the equals signs of the folders.
func partitionFolders(cfg connectors.Config) []string {
	switch lastPart(partitioner.Get(cfg)) {
	case partition.Default:
		return []string{"partition"}
	case partition.Field:
		return partitionFields.Get(cfg)
	case partition.Hourly:
		return []string{"year", "month", "day", "hour"}
	case partition.Daily:
		return []string{"year", "month", "day"}
	default:
		return hive.TimeFolders(pathFormat.Get(cfg))
	}
}

// tables says how to make tables, once for each topic.
type tables struct {
	set  *hiveSettings
	log  *slog.Logger
	mu   sync.Mutex
	said map[string]bool
}

func (t *tables) tell(topic string, schema []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.said[topic] {
		return
	}
	t.said[topic] = true
	table := t.set.Table
	dirs := t.set.dirs
	dirs.root = "/"
	dir, _, err := dirs.of(topic)
	if err != nil {
		return // the writer says so
	}
	table.Topic, table.Location, table.Schema = topic, t.set.url+dir+"/"+topic, schema
	t.log.Warn("Hive tables are not kept by this sink; these statements make one over the topic's folder, and the last one is for new folders", "topic", topic, "statements", table.Statements())
}

// described is a writer of which the first batch shows the columns of a table.
type described struct {
	connectors.Writer
	tables *tables
}

func (d *described) Write(ctx context.Context, b *connectors.Batch) error {
	if d.tables != nil && b.Len() > 0 {
		d.tables.tell(b.Topic(), b.ValueSchema())
		d.tables = nil
	}
	return d.Writer.Write(ctx, b)
}
