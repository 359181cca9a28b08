package elasticsearch

import (
	"context"
	"errors"

	"github.com/sluice-connect/sluice/connectors"
)

// Version is that of the sink.
const Version = "1.0.0"

// Sink writes records to Elasticsearch.
type Sink struct{ def connectors.ConfigDef }

var (
	_ connectors.Sink      = Sink{}
	_ connectors.Validator = Sink{}
	_ connectors.Prober    = Sink{}
)

// New makes the sink.
func New() Sink { return Sink{definition()} }

// Spec describes the sink.
func (s Sink) Spec() connectors.Spec {
	return connectors.Spec{
		Name:    "elasticsearch",
		Version: Version,
		Summary: "Indexes JSON records in Elasticsearch, each under an id of its own.",
		Classes: []connectors.Class{{
			Name: "io.confluent.connect.elasticsearch.ElasticsearchSinkConnector",
			Task: "io.confluent.connect.elasticsearch.ElasticsearchSinkTask",
		}},
		Config: s.def,
	}
}

// Validate checks what several keys say together.
func (Sink) Validate(_ context.Context, cfg connectors.Config) []connectors.ConfigError {
	return check(cfg)
}

// Probe connects and asks the service for its name and version, and whether resources exist that must.
func (Sink) Probe(ctx context.Context, cfg connectors.Config) error {
	if keys, err := probe(ctx, cfg); err != nil {
		return &connectors.ProbeError{Keys: keys, Err: err}
	}
	return nil
}

// probe gives with an error the keys that it is about.
func probe(ctx context.Context, cfg connectors.Config) ([]string, error) {
	url, mapping := []string{connectionURL.Name()}, []string{resourceMapping.Name()}
	set, err := newSettings(cfg)
	if err != nil {
		return url, err
	}
	if _, err := trusted(cfg); err != nil {
		return []string{trustLocation.Name()}, err
	}
	if _, err := identity(cfg); err != nil {
		return []string{keyLocation.Name()}, err
	}
	c, err := newClient(cfg, &set)
	if err != nil {
		return url, err
	}
	defer func() { _ = c.close(ctx) }() // nothing is lost with it
	if f := c.identify(ctx, set.target.stream); f != nil {
		if f.code == connectors.CodeUnauthorized {
			url = append(url, credentials(cfg)...)
		}
		return url, f.at("connecting to " + c.name)
	}
	for topic, resource := range set.target.mapped {
		switch found, f := c.exists(ctx, resource); {
		case f != nil:
			return mapping, f.at("looking for " + resource + " at " + c.name)
		case !found:
			return mapping, connectors.Misconfigured("looking for the resource of topic "+topic, errors.New(resource+" does not exist in Elasticsearch"),
				"create it, or correct topic.to.external.resource.mapping")
		}
	}
	return nil, nil
}

// Start begins a task. It does not wait for the service.
func (Sink) Start(_ context.Context, cfg connectors.Config, rt connectors.Runtime) (connectors.Task, error) {
	if errs := check(cfg); len(errs) > 0 {
		return nil, connectors.Misconfigured("reading "+errs[0].Key, errors.New(errs[0].Message), "")
	}
	set, err := newSettings(cfg)
	if err != nil {
		return nil, err
	}
	c, err := newClient(cfg, &set)
	if err != nil {
		return nil, err
	}
	t := &task{set: set, format: rt.Records(), client: c, m: newInstruments(rt.Metrics()), log: rt.Logger()}
	t.limiter = newLimiter(set.inFlight, set.records, set.bytes, t.m)
	t.sizes = newSizes(set.bulkBytes)
	t.spare = make(spares[bulk], set.inFlight+2) // those under way, one that waits for its turn, and one that is being filled
	return t, nil
}
