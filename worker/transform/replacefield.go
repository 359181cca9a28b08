package transform

import (
	"slices"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/worker/data"
)

func replaceFieldClasses() []*Class {
	exclude := connectors.List("exclude", "Fields to leave out; it goes before include.", medium(connectors.Default(""), valid("names"))...)
	include := connectors.List("include", "The only fields to keep, where any are named.", medium(connectors.Default(""), valid("names"))...)
	renames := connectors.List("renames", "Pairs of old and new name, such as foo:bar,abc:xyz.", medium(connectors.Default(""), valid("pairs of names"))...)
	return sides("ReplaceField", "Leaves fields out or gives them other names.", connectors.Define(exclude, include, renames, replaceNull),
		map[string]check{"exclude": distinct(true), "include": distinct(true), "renames": func(v given) string {
			if _, err := parseRenames(v.list()); err != nil {
				return err.Error()
			}
			return ""
		}},
		func(s side, cfg connectors.Config) (Transformation, error) {
			pairs, err := parseRenames(renames.Get(cfg))
			f := &replaceField{side: s, exclude: exclude.Get(cfg), include: include.Get(cfg), renames: pairs, withDefault: replaceNull.Get(cfg)}
			return f, err
		})
}

type replaceField struct {
	side             side
	exclude, include []string
	renames          []rename
	withDefault      bool
	schemas          schemaCache
}

type rename struct{ from, to string }

func parseRenames(pairs []string) (renames []rename, err error) {
	for _, pair := range pairs {
		parts := javaSplit(pair)
		if len(parts) != 2 {
			return nil, configError(invalid("renames", shownList(pairs), "Invalid rename mapping: "+pair))
		}
		renames = slices.DeleteFunc(renames, func(r rename) bool { return r.from == parts[0] }) // the last one counts
		renames = append(renames, rename{parts[0], parts[1]})
	}
	return renames, nil
}

func (f *replaceField) keeps(name string) bool {
	return !slices.Contains(f.exclude, name) && (len(f.include) == 0 || slices.Contains(f.include, name))
}

func (f *replaceField) renamed(name string) string {
	for _, r := range f.renames {
		if r.from == name {
			return r.to
		}
	}
	return name
}

// original is the name that a field had before. Of two fields that got the same name it is the one renamed last.
func (f *replaceField) original(name string) string {
	for _, r := range slices.Backward(f.renames) {
		if r.to == name {
			return r.from
		}
	}
	return name
}

func (f *replaceField) Apply(r *data.Record) (bool, error) {
	schema, value := f.side.get(r)
	if value == nil {
		return true, nil
	}
	if schema == nil {
		from, err := requireMap(value, "field replacement")
		if err != nil {
			return false, err
		}
		changed := data.NewMap(from.Len())
		for k, v := range from.All() {
			if name, ok := k.(string); !ok {
				changed.Put(k, v)
			} else if f.keeps(name) {
				changed.Put(f.renamed(name), v)
			}
		}
		f.side.set(r, nil, changed)
		return true, nil
	}
	from, err := requireStruct(value, "field replacement")
	if err != nil {
		return false, err
	}
	to, err := f.schemas.get(from.Schema(), f.schema)
	if err != nil {
		return false, err
	}
	changed := data.NewStruct(to)
	hint := 0
	for i := range to.Fields {
		name := f.original(to.Fields[i].Name)
		at, ok := from.Schema().FieldNear(name, hint)
		if !ok {
			return false, data.Errorf("%s is not a valid field name", name)
		}
		hint = at + 1
		if err := changed.Set(i, fieldValue(from, at, f.withDefault)); err != nil {
			return false, err
		}
	}
	f.side.set(r, to, changed)
	return true, nil
}

func (f *replaceField) schema(from *data.Schema) (*data.Schema, error) {
	to := basics(from, data.StructType)
	for _, field := range from.Fields {
		if !f.keeps(field.Name) {
			continue
		}
		if err := addField(to, f.renamed(field.Name), field.Schema); err != nil {
			return nil, err
		}
	}
	return to, nil
}
