package transform

import (
	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/worker/data"
)

func hoistFieldClasses() []*Class {
	field := connectors.String("field", "Name of the one field of the struct or map that is made.", medium(connectors.Required())...)
	return sides("HoistField", "Puts the key or value into a field of a new struct, or of a map where it has no schema.", connectors.Define(field), nil,
		func(s side, cfg connectors.Config) (Transformation, error) {
			return &hoistField{side: s, name: field.Get(cfg)}, nil
		})
}

type hoistField struct {
	side    side
	name    string
	schemas schemaCache
}

func (h *hoistField) Apply(r *data.Record) (bool, error) {
	schema, value := h.side.get(r)
	if schema == nil {
		h.side.set(r, nil, data.MapOf(h.name, value))
		return true, nil
	}
	to, err := h.schemas.get(schema, func(from *data.Schema) (*data.Schema, error) {
		to := &data.Schema{Type: data.StructType}
		return to, addField(to, h.name, from)
	})
	if err != nil {
		return false, err
	}
	hoisted := data.NewStruct(to)
	if err := hoisted.Set(0, value); err != nil {
		return false, err
	}
	h.side.set(r, to, hoisted)
	return true, nil
}
