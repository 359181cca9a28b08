package hdfs

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/sluice-connect/sluice/connectors"
)

// topicDirs are topics.dir and logs.dir, in which ${topic} stands for the topic and ${n} for what the n-th group of
// topic.capture.groups.regex finds in its name; ${0} is the whole of it.
type topicDirs struct {
	root         string
	topics, logs string
	groups       *regexp.Regexp // nil: there is none
}

var (
	captureGroups = connectors.String("topic.capture.groups.regex", "Matches the names of all topics, as a whole. ${1} in topics.dir and logs.dir stands for what its first group finds, ${2} for the second.",
		connectors.Group(groupStorage), connectors.Check("a regular expression", func(s string) error {
			if s == "<nil>" { // as Kafka says of null
				return nil
			}
			_, err := regexp.Compile(s)
			return err
		}))
	groupNumber = regexp.MustCompile(`\$\{(\d+)\}`)
)

func newTopicDirs(cfg connectors.Config, root string) (d topicDirs, err error) {
	d = topicDirs{root: root, topics: topicsDir.Get(cfg), logs: logsDir.Get(cfg)}
	if expr := captureGroups.Get(cfg); expr != "" {
		d.groups, err = regexp.Compile(`^(?:` + expr + `)$`)
	}
	return d, err
}

// checkTopicDirs looks at what the folders say together with the expression.
func checkTopicDirs(cfg connectors.Config) (errs []connectors.ConfigError) {
	for _, k := range []struct{ name, dir string }{{topicsDir.Name(), topicsDir.Get(cfg)}, {logsDir.Name(), logsDir.Get(cfg)}} {
		rest := strings.ReplaceAll(groupNumber.ReplaceAllString(k.dir, ""), "${topic}", "")
		switch {
		case substitution.MatchString(rest):
			errs = append(errs, connectors.ConfigError{Key: k.name, Message: fmt.Sprintf("%s: %s contains an invalid ${} substitution %s. Valid substitutions are ${topic} and ${n} where n >= 0.", k.name, k.dir, substitution.FindString(rest))})
		case groupNumber.MatchString(k.dir) && captureGroups.Get(cfg) == "":
			errs = append(errs, connectors.ConfigError{Key: k.name, Message: k.name + " cannot contain ${} without a valid " + captureGroups.Name() + " being configured."})
		}
	}
	return errs
}

// of gives the folders of a topic.
func (d topicDirs) of(topic string) (topics, logs string, err error) {
	if topics, err = d.fill(d.topics, topic); err != nil {
		return "", "", err
	}
	logs, err = d.fill(d.logs, topic)
	return topics, logs, err
}

func (d topicDirs) fill(dir, topic string) (string, error) {
	dir = strings.ReplaceAll(dir, "${topic}", topic)
	if d.groups == nil {
		return absolute(d.root, dir), nil
	}
	found := d.groups.FindStringSubmatch(topic)
	if found == nil {
		return "", connectors.Misconfigured("making the name of a folder", fmt.Errorf("topic %s does not fully match topic.capture.groups.regex", topic), "")
	}
	missing := -1
	dir = groupNumber.ReplaceAllStringFunc(dir, func(s string) string {
		n, err := strconv.Atoi(s[2 : len(s)-1])
		if err != nil || n >= len(found) {
			missing = max(missing, n)
			return s
		}
		return found[n]
	})
	if missing >= 0 {
		return "", connectors.Misconfigured("making the name of a folder", fmt.Errorf("topic.capture.groups.regex has %d groups, and %s asks for %d", len(found)-1, dir, missing), "")
	}
	return absolute(d.root, dir), nil
}

// forTopic gives the settings with the folders of a topic.
func (s *settings) forTopic(topic string) (*settings, error) {
	topics, logs, err := s.dirs.of(topic)
	if err != nil {
		return nil, err
	}
	if topics == s.names.topics && logs == s.names.logs {
		return s, nil
	}
	own := *s
	own.names.topics, own.names.logs = topics, logs
	return &own, nil
}
