package elasticsearch

import (
	"bytes"
	"errors"
	"hash/maphash"

	"github.com/sluice-connect/sluice/connectors"
)

// encoders gives the encoder for each batch of a partition: by the topic that transformations gave its records, and by
// their schemas. It is used by one goroutine.
type encoders struct {
	set       *settings
	partition connectors.Partition
	format    connectors.Format
	home      string
	seed      maphash.Seed

	topics  map[string]*encoder
	last    *encoder
	key     []byte // schemas of the last batch
	value   []byte
	schemas map[string]*schema // of values
}

func newEncoders(s *settings, p connectors.Partition, f connectors.Format, home string) encoders {
	return encoders{
		set: s, partition: p, format: f, home: home, seed: maphash.MakeSeed(),
		topics: map[string]*encoder{}, schemas: map[string]*schema{},
	}
}

// of gives the encoder for a batch.
func (e *encoders) of(b *connectors.Batch) (*encoder, error) {
	topic := b.Topic()
	if e.last != nil && e.last.topic == topic && bytes.Equal(e.key, b.KeySchema()) && bytes.Equal(e.value, b.ValueSchema()) {
		return e.last, nil
	}
	enc, err := e.topic(topic)
	if err == nil {
		err = e.describe(enc, b.KeySchema(), b.ValueSchema())
	}
	if err != nil {
		return nil, connectors.AsError("storing records of topic "+topic, err).At(e.partition, b.First())
	}
	e.last, e.key, e.value = enc, bytes.Clone(b.KeySchema()), bytes.Clone(b.ValueSchema())
	return enc, nil
}

// topic gives the encoder for a topic.
func (e *encoders) topic(topic string) (*encoder, error) {
	if enc := e.topics[topic]; enc != nil {
		return enc, nil
	}
	t, err := e.set.target.of(topic)
	if err != nil {
		return nil, err
	}
	if t.name == "" {
		return nil, connectors.Misconfigured("naming the index of topic "+topic, errNoName, "use topic.to.external.resource.mapping")
	}
	enc := newEncoder(e.set, e.partition, topic, t, e.home, e.format, e.seed)
	if enc.keyed && e.format.Key == connectors.PayloadBytes {
		return nil, connectors.Misconfigured("using keys as document ids", errBytesKey,
			"set key.converter to org.apache.kafka.connect.storage.StringConverter, or key.ignore to true")
	}
	if len(e.topics) >= maxNames {
		clear(e.topics)
	}
	e.topics[topic] = enc
	return enc, nil
}

// describe tells an encoder the schemas of what follows.
func (e *encoders) describe(enc *encoder, key, value []byte) error {
	enc.keyType, enc.shape = "", nil
	if len(key) > 0 {
		s, err := parseSchema(key, true)
		if err != nil {
			return connectors.Fatal("reading the schema of keys", err, "")
		}
		enc.keyType = s.Type
	}
	if len(value) == 0 || enc.ignoreSchema {
		return nil
	}
	s := e.schemas[string(value)]
	if s == nil {
		var err error
		if s, err = parseSchema(value, e.set.compactMaps); err != nil {
			return connectors.Fatal("reading the schema of values", err, "set schema.ignore to true if documents need no schema")
		}
		if len(e.schemas) >= maxNames {
			clear(e.schemas)
		}
		e.schemas[string(value)] = s
	}
	enc.shape = s
	return nil
}

var (
	errNoName   = errors.New("nothing is left of the topic's name")
	errBytesKey = errors.New("keys are opaque bytes")
)
