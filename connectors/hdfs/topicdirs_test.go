package hdfs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluice-connect/sluice/connectors"
)

func TestTopicDirs(t *testing.T) {
	for _, tc := range []struct {
		name                string
		topics, logs, regex string
		topic               string
		wantTopics, bad     string
		wantLogs            string
	}{
		{name: "plain", topics: "t", logs: "l", topic: "a.b", wantTopics: "/r/t", wantLogs: "/r/l"},
		{name: "topic", topics: "${topic}/x", logs: "l-${topic}", topic: "a.b", wantTopics: "/r/a.b/x", wantLogs: "/r/l-a.b"},
		{name: "groups", topics: "${1}/${2}", logs: "${0}", regex: `(\w+)\.(\w+)`, topic: "a.b", wantTopics: "/r/a/b", wantLogs: "/r/a.b"},
		{name: "optional group", topics: "x${2}", logs: "l", regex: `(\w+)(\.\w+)?`, topic: "a", wantTopics: "/r/x", wantLogs: "/r/l"},
		{name: "out of the root", topics: "${topic}", logs: "l", topic: "..", wantTopics: "/r", wantLogs: "/r/l"},
		{name: "part of the name only", topics: "${1}", logs: "l", regex: `(a)`, topic: "a.b", bad: "does not fully match"},
		{name: "group that is not there", topics: "t", logs: "${3}", regex: `(a)(b)`, topic: "ab", bad: "has 2 groups"},
		{name: "alternatives as a whole", topics: "${1}", logs: "l", regex: `(a)|(b)`, topic: "ax", bad: "does not fully match"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			raw := map[string]string{"store.url": "file:///r", "flush.size": "1", "topics.dir": tc.topics, "logs.dir": tc.logs}
			if tc.regex != "" {
				raw["topic.capture.groups.regex"] = tc.regex
			}
			cfg, err := definition().Parse(raw)
			if err != nil {
				t.Fatal(err)
			}
			set, err := newSettings(cfg, connectors.Format{})
			if err != nil {
				t.Fatal(err)
			}
			own, err := set.forTopic(tc.topic)
			if tc.bad != "" {
				if connectors.CodeOf(err) != connectors.CodeMisconfigured || !strings.Contains(err.Error(), tc.bad) {
					t.Errorf("%v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if own.names.topics != tc.wantTopics || own.names.logs != tc.wantLogs {
				t.Errorf("%s and %s", own.names.topics, own.names.logs)
			}
		})
	}
}

// What a topic is called decides where its files go, and where they are looked for.
func TestFilesOfATopicInItsFolders(t *testing.T) {
	dir := t.TempDir()
	tk := newTask(t, connectors.PayloadString, map[string]string{
		"store.url": "file://" + dir, "format.class": "StringFormat", "flush.size": "5",
		"topic.capture.groups.regex": `(\w+)-(\w+)`, "topics.dir": "data/${2}", "logs.dir": "logs/${1}",
	})
	for range 2 {
		w := openAt(t, tk, -1, newAcks())
		send(t, w, max(w.Resume(), 0), max(w.Resume(), 0)+4)
		shut(t, w)
	}
	files, err := filepath.Glob(filepath.Join(dir, "data", "color", part.Topic, "partition=1", "*.txt"))
	if err != nil || len(files) != 2 {
		t.Errorf("%v, %v", files, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "topics")); err == nil {
		t.Error("there is a folder topics too")
	}
}
