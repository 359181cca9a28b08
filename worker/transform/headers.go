package transform

import (
	"slices"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/worker/data"
)

func dropHeadersClasses() []*Class {
	names := connectors.List("headers", "Names of the headers to drop.", high(connectors.Required(), valid("names"))...)
	return whole("DropHeaders", "Drops headers.", connectors.Define(names), map[string]check{"headers": distinct(false)},
		func(cfg connectors.Config) (Transformation, error) { return &dropHeaders{names: names.Get(cfg)}, nil })
}

type dropHeaders struct{ names []string }

func (d *dropHeaders) Apply(r *data.Record) (bool, error) {
	if slices.ContainsFunc(r.Headers, d.drops) {
		r.Headers = slices.DeleteFunc(slices.Clone(r.Headers), d.drops)
	}
	return true, nil
}

func (d *dropHeaders) drops(h data.Header) bool { return slices.Contains(d.names, h.Key) }

func insertHeaderClasses() []*Class {
	name := connectors.String("header", "Name of the header.", high(connectors.Required())...)
	literal := connectors.String("value.literal", "Value of the header: a number, a boolean, a date, an array or map, or else a string.", high(connectors.Required())...)
	return whole("InsertHeader", "Adds a header with the same value to each record.", connectors.Define(name, literal),
		map[string]check{"header": nonNull, "value.literal": nonNull},
		func(cfg connectors.Config) (Transformation, error) {
			schema, value := data.ParseText(literal.Get(cfg))
			return &insertHeader{data.Header{Key: name.Get(cfg), Schema: schema, Value: value}}, nil
		})
}

type insertHeader struct{ header data.Header }

func (i *insertHeader) Apply(r *data.Record) (bool, error) {
	r.Headers = append(slices.Clip(r.Headers), i.header)
	return true, nil
}

func headerFromClasses() []*Class {
	fields := connectors.List("fields", "Names of the fields.", high(connectors.Required(), valid("names"))...)
	names := connectors.List("headers", "Names of the headers, in the order of the fields.", high(connectors.Required(), valid("names"))...)
	operation := connectors.String("operation", "move takes the fields out of the record, copy leaves them.", high(connectors.Required(), valid("[move, copy]"))...)
	return sides("HeaderFrom", "Makes headers of fields.", connectors.Define(fields, names, operation, replaceNull),
		map[string]check{"fields": nonEmptyList, "headers": nonEmptyList, "operation": oneOf("move", "copy")},
		func(s side, cfg connectors.Config) (Transformation, error) {
			h := &headerFrom{side: s, fields: fields.Get(cfg), names: names.Get(cfg), operation: operation.Get(cfg), withDefault: replaceNull.Get(cfg)}
			if len(h.fields) != len(h.names) {
				return nil, configError("'fields' config must have the same number of elements as 'headers' config.")
			}
			return h, nil
		})
}

type headerFrom struct {
	side          side
	fields, names []string
	operation     string
	withDefault   bool
	schemas       schemaCache
}

func (h *headerFrom) Apply(r *data.Record) (bool, error) {
	schema, value := h.side.get(r)
	if schema == nil {
		return true, h.free(r, value)
	}
	from, err := requireStruct(value, "header "+h.operation)
	if err != nil {
		return false, err
	}
	to, changed := schema, from
	if h.operation == "move" {
		if to, err = h.schemas.get(schema, h.schema); err != nil {
			return false, err
		}
		changed = data.NewStruct(to)
		at := 0
		for i, f := range from.Schema().Fields {
			if slices.Contains(h.fields, f.Name) {
				continue
			}
			if err := changed.Set(at, fieldValue(from, i, h.withDefault)); err != nil {
				return false, err
			}
			at++
		}
	}
	headers := slices.Clip(r.Headers)
	for i, name := range h.fields {
		at, ok := from.Schema().Field(name)
		if !ok {
			return false, nullPointer("field " + name + " does not exist")
		}
		headers = append(headers, data.Header{Key: h.names[i], Schema: from.Schema().Fields[at].Schema, Value: fieldValue(from, at, h.withDefault)})
	}
	h.side.set(r, to, changed)
	r.Headers = headers
	return true, nil
}

func (h *headerFrom) schema(from *data.Schema) (*data.Schema, error) {
	to := basics(from, data.StructType)
	for _, f := range from.Fields {
		if slices.Contains(h.fields, f.Name) {
			continue
		}
		if err := addField(to, f.Name, f.Schema); err != nil {
			return nil, err
		}
	}
	return to, nil
}

func (h *headerFrom) free(r *data.Record, value any) error {
	from, err := requireMap(value, "header "+h.operation)
	if err != nil {
		return err
	}
	changed, headers := from.Clone(), slices.Clip(r.Headers)
	for i, name := range h.fields {
		v, _ := from.Get(name)
		if h.operation == "move" {
			changed.Delete(name)
		}
		headers = append(headers, data.Header{Key: h.names[i], Value: v})
	}
	h.side.set(r, nil, changed)
	r.Headers = headers
	return nil
}
