package transform

import (
	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/worker/data"
)

func valueToKeyClasses() []*Class {
	fields := connectors.List("fields", "Fields of the value that make the key.", high(connectors.Required(), valid("names"))...)
	all := whole("ValueToKey", "Makes a new key of fields of the value.", connectors.Define(fields, replaceNull), map[string]check{"fields": distinct(false)},
		func(cfg connectors.Config) (Transformation, error) {
			return &valueToKey{fields: fields.Get(cfg), withDefault: replaceNull.Get(cfg)}, nil
		})
	all[0].key, all[0].value = Use{Changes: true}, Use{Reads: true}
	return all
}

type valueToKey struct {
	fields      []string
	withDefault bool
	schemas     schemaCache
}

func (k *valueToKey) Apply(r *data.Record) (bool, error) {
	const purpose = "copying fields from value to key"
	if r.ValueSchema == nil {
		from, err := requireMap(r.Value, purpose)
		if err != nil {
			return false, err
		}
		key := data.NewMap(len(k.fields))
		for _, name := range k.fields {
			v, _ := from.Get(name)
			key.Put(name, v)
		}
		r.KeySchema, r.Key = nil, key
		return true, nil
	}
	from, err := requireStruct(r.Value, purpose)
	if err != nil {
		return false, err
	}
	to, err := k.schemas.get(from.Schema(), k.schema)
	if err != nil {
		return false, err
	}
	key := data.NewStruct(to)
	for i, name := range k.fields {
		at, _ := from.Schema().Field(name)
		if err := key.Set(i, fieldValue(from, at, k.withDefault)); err != nil {
			return false, err
		}
	}
	r.KeySchema, r.Key = to, key
	return true, nil
}

func (k *valueToKey) schema(from *data.Schema) (*data.Schema, error) {
	to := &data.Schema{Type: data.StructType}
	for _, name := range k.fields {
		at, ok := from.Field(name)
		if !ok {
			return nil, data.Errorf("Field does not exist: %s", name)
		}
		if err := addField(to, name, from.Fields[at].Schema); err != nil {
			return nil, err
		}
	}
	return to, nil
}
