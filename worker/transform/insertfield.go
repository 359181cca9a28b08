package transform

import (
	"strings"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/worker/data"
)

func insertFieldClasses() []*Class {
	const marks = " A name with ! at its end makes a required field, with ? or without a mark an optional one."
	topic := connectors.String("topic.field", "Name of a field for the topic."+marks, medium()...)
	partition := connectors.String("partition.field", "Name of a field for the partition."+marks, medium()...)
	offset := connectors.String("offset.field", "Name of a field for the offset."+marks, medium()...)
	timestamp := connectors.String("timestamp.field", "Name of a field for the timestamp of the record."+marks, medium()...)
	static := connectors.String("static.field", "Name of a field for a value that is always the same."+marks, medium()...)
	value := connectors.String("static.value", "That value.", medium()...)
	return sides("InsertField", "Adds fields with where and when the record was stored, or with a fixed value.",
		connectors.Define(topic, partition, offset, timestamp, static, value, replaceNull), nil,
		func(s side, cfg connectors.Config) (Transformation, error) {
			i := &insertField{side: s, withDefault: replaceNull.Get(cfg), static: value.Get(cfg)}
			for kind, key := range []connectors.Key[string]{topic, partition, offset, timestamp, static} {
				if spec, set := cfg.Raw(key.Name()); set {
					name := strings.TrimSuffix(spec, "!")
					required := name != spec
					if !required {
						name = strings.TrimSuffix(spec, "?")
					}
					i.insertions = append(i.insertions, insertion{kind: insertionKind(kind), name: name, required: required})
				}
			}
			if len(i.insertions) == 0 {
				return nil, configError("No field insertion configured")
			}
			if _, set := cfg.Raw(static.Name()); set && !cfg.IsSet(value.Name()) {
				return nil, configError(invalid(value.Name(), "null", "No value specified for static field: "+static.Get(cfg)))
			}
			return i, nil
		})
}

type insertionKind uint8

const (
	insertTopic insertionKind = iota
	insertPartition
	insertOffset
	insertTimestamp
	insertStatic
)

type insertion struct {
	kind     insertionKind
	name     string
	required bool
}

type insertField struct {
	side        side
	insertions  []insertion
	static      string
	withDefault bool
	schemas     schemaCache
}

// value is what goes into a field; without a schema a timestamp is a number.
func (i *insertField) value(k insertionKind, r *data.Record, typed bool) any {
	switch {
	case k == insertTopic:
		return r.Topic
	case k == insertPartition:
		return r.Partition
	case k == insertOffset:
		return r.Offset
	case k == insertStatic:
		return i.static
	case r.Timestamp < 0:
		return nil
	case typed:
		return data.Instant(r.Timestamp)
	}
	return r.Timestamp
}

func (i *insertField) Apply(r *data.Record) (bool, error) {
	schema, value := i.side.get(r)
	if value == nil {
		return true, nil
	}
	if schema == nil {
		from, err := requireMap(value, "field insertion")
		if err != nil {
			return false, err
		}
		changed := from.Clone()
		for _, in := range i.insertions {
			if v := i.value(in.kind, r, false); v != nil {
				changed.Put(in.name, v)
			}
		}
		i.side.set(r, nil, changed)
		return true, nil
	}
	from, err := requireStruct(value, "field insertion")
	if err != nil {
		return false, err
	}
	to, err := i.schemas.get(from.Schema(), i.schema)
	if err != nil {
		return false, err
	}
	changed := data.NewStruct(to)
	fields := len(from.Schema().Fields)
	for at := range fields {
		if err := changed.Set(at, fieldValue(from, at, i.withDefault)); err != nil {
			return false, err
		}
	}
	for at, in := range i.insertions {
		if v := i.value(in.kind, r, true); v != nil {
			if err := changed.Set(fields+at, v); err != nil {
				return false, err
			}
		}
	}
	i.side.set(r, to, changed)
	return true, nil
}

func (i *insertField) schema(from *data.Schema) (*data.Schema, error) {
	to := basics(from, data.StructType)
	to.Fields = append(make([]data.Field, 0, len(from.Fields)+len(i.insertions)), from.Fields...)
	for _, in := range i.insertions {
		s := &data.Schema{Type: data.String, Optional: !in.required}
		switch in.kind {
		case insertPartition:
			s.Type = data.Int32
		case insertOffset:
			s.Type = data.Int64
		case insertTimestamp:
			s = data.TimestampSchema(!in.required)
		case insertTopic, insertStatic:
		}
		if err := addField(to, in.name, s); err != nil {
			return nil, err
		}
	}
	return to, nil
}
