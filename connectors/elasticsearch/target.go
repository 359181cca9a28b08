package elasticsearch

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sluice-connect/sluice/connectors"
)

// target is where the documents of a topic go.
type target struct {
	name   string // index, data stream or alias; where it depends on time, the pattern, for messages
	dated  bool   // every document names its index
	stream bool   // append-only: the operation is create
	exists bool   // made by someone else: never created here
}

// targets knows the target of every topic.
type targets struct {
	mapped    map[string]string // nil: named after topics
	stream    bool
	prefix    string // <type>-<dataset>-
	namespace string
	naming    *naming
}

func isStream(cfg connectors.Config) bool {
	if u := resourceUsage.Get(cfg); !is(u, usageDisabled) {
		return is(u, usageDataStream) || is(u, usageAliasDataStream)
	}
	return !is(streamType.Get(cfg), streamNone) && streamDataset.Get(cfg) != ""
}

func newTargets(cfg connectors.Config) (targets, error) {
	t := targets{stream: isStream(cfg)}
	var err error
	if t.naming, err = parseNaming(indexTemplate.Get(cfg)); err != nil {
		return targets{}, connectors.Misconfigured("reading "+indexTemplate.Name(), err, "")
	}
	if !is(resourceUsage.Get(cfg), usageDisabled) {
		m, err := parseMapping(cfg)
		if err != nil {
			return targets{}, connectors.Misconfigured("reading topic.to.external.resource.mapping", err, "")
		}
		t.mapped = m
		return t, nil
	}
	if t.stream {
		t.prefix = strings.ToLower(streamType.Get(cfg)) + "-" + streamDataset.Get(cfg) + "-"
		t.namespace = streamNamespace.Get(cfg)
	}
	return t, nil
}

func parseMapping(cfg connectors.Config) (map[string]string, error) {
	entries := resourceMapping.Get(cfg)
	m := make(map[string]string, len(entries))
	seen := make(map[string]bool, len(entries))
	for _, e := range entries {
		topic, resource, ok := strings.Cut(e, ":")
		topic, resource = strings.TrimSpace(topic), strings.TrimSpace(resource)
		switch {
		case !ok || topic == "" || resource == "" || strings.Contains(resource, ":"):
			return nil, errors.New("Invalid topic-to-resource mapping format. The expected format: topic:resource")
		case m[topic] != "":
			return nil, fmt.Errorf("Topic '%s' is mapped to multiple resources. Each topic must be mapped to exactly one resource.", topic)
		case seen[resource]:
			return nil, fmt.Errorf("Resource '%s' is mapped from multiple topics. Each resource must be mapped to exactly one topic.", resource)
		}
		m[topic], seen[resource] = resource, true
	}
	if most := maxMappings.Get(cfg); len(m) > most {
		return nil, fmt.Errorf("Too many topic-to-external-resource mappings are configured (%d). Maximum allowed limit is %d.", len(m), most)
	}
	topics, ok := cfg.Raw("topics")
	if !ok || strings.TrimSpace(topics) == "" || transforms(cfg) {
		return m, nil
	}
	configured := map[string]bool{}
	for topic := range strings.SplitSeq(topics, ",") {
		topic = strings.TrimSpace(topic)
		configured[topic] = true
		if m[topic] == "" {
			return nil, fmt.Errorf("Topic '%s' is not mapped to any resource. All configured topics must be mapped to a resource.", topic)
		}
	}
	for topic := range m {
		if !configured[topic] {
			return nil, fmt.Errorf("Topic '%s' is mapped but not configured. All mapped topics must be configured topics.", topic)
		}
	}
	return m, nil
}

// of gives the target of a topic.
func (t *targets) of(topic string) (target, error) {
	switch {
	case t.mapped != nil:
		name, ok := t.mapped[topic]
		if !ok {
			return target{}, connectors.Misconfigured("finding the resource of topic "+topic, errors.New("the topic is not mapped"),
				"add it to topic.to.external.resource.mapping")
		}
		return target{name: name, stream: t.stream, exists: true}, nil
	case t.stream:
		namespace := cut(strings.ReplaceAll(t.namespace, "${topic}", strings.ToLower(topic)), 100)
		return target{name: t.prefix + namespace, stream: true}, nil
	default:
		if t.naming.dated {
			return target{name: strings.ReplaceAll(t.naming.template, "${topic}", strings.ToLower(topic)), dated: true}, nil
		}
		return target{name: t.naming.name(topic, time.Time{})}, nil
	}
}

// cut shortens s to at most n bytes, between characters.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
