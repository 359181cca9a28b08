package transform

import (
	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/worker/data"
)

func setSchemaMetadataClasses() []*Class {
	name := connectors.String("schema.name", "Name for the schema.", high()...)
	version := connectors.Int("schema.version", "Version for the schema.", high()...)
	return sides("SetSchemaMetadata", "Gives the schema a name or a version.", connectors.Define(name, version, replaceNull), nil,
		func(s side, cfg connectors.Config) (Transformation, error) {
			m := &setSchemaMetadata{side: s, name: name.Get(cfg), withDefault: replaceNull.Get(cfg)}
			if cfg.IsSet(version.Name()) {
				v := int32(version.Get(cfg))
				m.version = &v
			}
			if !cfg.IsSet(name.Name()) && m.version == nil {
				return nil, configError("Neither schema name nor version configured")
			}
			return m, nil
		})
}

type setSchemaMetadata struct {
	side        side
	name        string
	version     *int32
	withDefault bool
	schemas     schemaCache
}

func (m *setSchemaMetadata) Apply(r *data.Record) (bool, error) {
	schema, value := m.side.get(r)
	if schema == nil {
		if value == nil {
			return true, nil
		}
		return false, data.Errorf("Schema required for [updating schema metadata]")
	}
	to, err := m.schemas.get(schema, m.schema)
	if err != nil {
		return false, err
	}
	if from, ok := value.(*data.Struct); ok {
		changed := data.NewStruct(to)
		for i := range to.Fields {
			if err := changed.Set(i, fieldValue(from, i, m.withDefault)); err != nil {
				return false, err
			}
		}
		value = changed
	}
	m.side.set(r, to, value)
	return true, nil
}

func (m *setSchemaMetadata) schema(from *data.Schema) (*data.Schema, error) {
	if _, err := fieldsOf(from); err != nil {
		return nil, err // so it is in Kafka Connect: structs only
	}
	to := *from
	if m.name != "" {
		to.Name = m.name
	}
	if m.version != nil {
		to.Version = m.version
	}
	return &to, nil
}
