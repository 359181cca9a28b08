package transform

import (
	"strconv"
	"strings"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/worker/data"
)

func extractFieldClasses() []*Class {
	field := connectors.String("field", "Name of the field, or path to it.", medium(connectors.Required())...)
	syntax := connectors.String("field.syntax.version",
		"V1 takes the name of a field of the key or value. V2 takes a path: dots lead into nested fields, and backticks enclose names that have dots, such as `foo.bar`.baz.",
		high(connectors.Default("V1"), valid("(case insensitive) [V1, V2]"))...)
	return sides("ExtractField", "Puts a field in the place of the key or value.", connectors.Define(field, replaceNull, syntax),
		map[string]check{"field.syntax.version": func(v given) string {
			if strings.EqualFold(v.text, "V1") || strings.EqualFold(v.text, "V2") {
				return ""
			}
			return invalid(v.name, v.shown(), "String must be one of (case insensitive): V1, V2")
		}},
		func(s side, cfg connectors.Config) (Transformation, error) {
			e := &extractField{side: s, name: field.Get(cfg), withDefault: replaceNull.Get(cfg)}
			e.path = []string{e.name}
			var err error
			if strings.EqualFold(syntax.Get(cfg), "V2") {
				e.path, err = splitPath(e.name)
			}
			return e, err
		})
}

type extractField struct {
	side        side
	name        string
	path        []string
	withDefault bool
}

func (e *extractField) Apply(r *data.Record) (bool, error) {
	schema, value := e.side.get(r)
	if schema == nil {
		if value == nil {
			return true, nil
		}
		m, err := requireMap(value, "field extraction")
		if err != nil {
			return false, err
		}
		v, err := e.fromMap(m)
		e.side.set(r, nil, v)
		return true, err
	}
	s, err := requireStructOrNull(value, "field extraction")
	if err != nil {
		return false, err
	}
	field, err := e.fieldOf(schema)
	if err != nil {
		return false, err
	}
	if field == nil {
		return false, illegalArgument("Unknown field: " + e.name)
	}
	var v any
	if s != nil {
		if v, err = e.fromStruct(s); err != nil {
			return false, err
		}
	}
	e.side.set(r, field, v)
	return true, nil
}

var errEmptyPath = illegalArgument("fromIndex(0) > toIndex(-1)")

func (e *extractField) fromMap(m *data.Map) (any, error) {
	if len(e.path) == 0 {
		return nil, errEmptyPath
	}
	last := len(e.path) - 1
	for _, step := range e.path[:last] {
		v, _ := m.Get(step)
		if v == nil {
			return nil, nil //nolint:nilnil // what is not there is null
		}
		var err error
		if m, err = requireMap(v, "nested field access"); err != nil {
			return nil, err
		}
	}
	v, _ := m.Get(e.path[last])
	return v, nil
}

// fieldOf is the schema of the field, nil where there is none.
func (e *extractField) fieldOf(s *data.Schema) (*data.Schema, error) {
	if len(e.path) == 0 {
		return nil, errEmptyPath
	}
	for _, step := range e.path {
		if s.Type != data.StructType {
			return nil, data.Errorf("Cannot look up fields on non-struct type")
		}
		i, ok := s.Field(step)
		if !ok {
			return nil, nil //nolint:nilnil // the caller says what is missing
		}
		s = s.Fields[i].Schema
	}
	return s, nil
}

func (e *extractField) fromStruct(s *data.Struct) (any, error) {
	last := len(e.path) - 1
	for _, step := range e.path[:last] {
		v, err := s.Get(step)
		if err != nil {
			return nil, err
		}
		next, err := requireStructOrNull(v, "nested field access")
		if err != nil || next == nil {
			return nil, err
		}
		s = next
	}
	i, _ := s.Schema().Field(e.path[last])
	return fieldValue(s, i, e.withDefault), nil
}

// splitPath cuts a path at its dots. A name that begins with a backtick ends with one that a dot or the end follows; a
// backslash before such a backtick makes it part of the name.
func splitPath(path string) ([]string, error) {
	var steps []string
	at := 0
	for at < len(path) {
		if path[at] != '`' {
			step, _, more := strings.Cut(path[at:], ".")
			steps = append(steps, step)
			if !more {
				break
			}
			at += len(step) + 1
			continue
		}
		step, next, ok := quotedStep(path, at+1)
		if !ok {
			return nil, configError("Incomplete backtick pair in path: [" + path + "], consider adding a backslash before backtick at position " +
				strconv.Itoa(at) + " to escape it")
		}
		steps = append(steps, step)
		at = next
	}
	if strings.HasSuffix(path, ".") {
		steps = append(steps, "")
	}
	return steps, nil
}

func quotedStep(path string, from int) (step string, next int, ok bool) {
	var name strings.Builder
	at := from
	for {
		i := strings.IndexByte(path[at:], '`')
		if i < 0 {
			return "", 0, false
		}
		at += i
		escaped := path[at-1] == '\\'
		switch {
		case at == len(path)-1:
			name.WriteString(path[from:at])
			return name.String(), at + 1, !escaped
		case path[at+1] != '.':
			at++
		case escaped:
			name.WriteString(path[from:at-1] + "`")
			at++
			from = at
		default:
			name.WriteString(path[from:at])
			return name.String(), at + 2, true
		}
	}
}
