package data

import "iter"

// Map is a map with its entries in the order in which they came. The zero value is empty. Keys are compared as values; keys
// of bytes are found too.
type Map struct {
	entries []Entry
	index   map[string]int // of string keys, once there are many
}

// Entry is one entry of a map.
type Entry struct{ Key, Value any }

const indexFrom = 16 // entries; below it a search is faster

// NewMap makes an empty map with room for entries.
func NewMap(room int) *Map { return &Map{entries: make([]Entry, 0, room)} }

// MapOf makes a map of keys and values in turn, for tests and small maps.
func MapOf(keysAndValues ...any) *Map {
	m := NewMap(len(keysAndValues) / 2)
	for i := 0; i+1 < len(keysAndValues); i += 2 {
		m.Put(keysAndValues[i], keysAndValues[i+1])
	}
	return m
}

// Len is the number of entries.
func (m *Map) Len() int { return len(m.entries) }

// At is entry i in order.
func (m *Map) At(i int) Entry { return m.entries[i] }

// All yields the entries in order.
func (m *Map) All() iter.Seq2[any, any] {
	return func(yield func(any, any) bool) {
		for _, e := range m.entries {
			if !yield(e.Key, e.Value) {
				return
			}
		}
	}
}

func (m *Map) find(key any) int {
	if s, ok := key.(string); ok && m.index != nil {
		if i, ok := m.index[s]; ok {
			return i
		}
		return -1
	}
	for i := range m.entries {
		if Equal(m.entries[i].Key, key) {
			return i
		}
	}
	return -1
}

// Get gives the value of a key; ok is false where there is no such key.
func (m *Map) Get(key any) (value any, ok bool) {
	if i := m.find(key); i >= 0 {
		return m.entries[i].Value, true
	}
	return nil, false
}

// Put sets the value of a key, at the place that the key has or else at the end.
func (m *Map) Put(key, value any) {
	if i := m.find(key); i >= 0 {
		m.entries[i].Value = value
		return
	}
	m.entries = append(m.entries, Entry{key, value})
	switch s, ok := key.(string); {
	case m.index != nil && ok:
		m.index[s] = len(m.entries) - 1
	case len(m.entries) == indexFrom:
		m.reindex()
	}
}

// Delete removes a key.
func (m *Map) Delete(key any) {
	i := m.find(key)
	if i < 0 {
		return
	}
	m.entries = append(m.entries[:i], m.entries[i+1:]...)
	if m.index != nil {
		m.reindex()
	}
}

func (m *Map) reindex() {
	m.index = make(map[string]int, len(m.entries))
	for i, e := range m.entries {
		if s, ok := e.Key.(string); ok {
			m.index[s] = i
		}
	}
}

// Clone copies the map; the values are the same.
func (m *Map) Clone() *Map {
	c := &Map{entries: append(make([]Entry, 0, len(m.entries)+1), m.entries...)}
	if len(c.entries) >= indexFrom {
		c.reindex()
	}
	return c
}

func (m *Map) equal(o *Map) bool {
	if len(m.entries) != len(o.entries) {
		return false
	}
	for _, e := range m.entries {
		if v, ok := o.Get(e.Key); !ok || !Equal(e.Value, v) {
			return false
		}
	}
	return true
}

// Struct is a value of a struct schema.
type Struct struct {
	schema *Schema
	values []any // one for each field
}

// NewStruct makes a struct with all fields null.
func NewStruct(s *Schema) *Struct { return &Struct{schema: s, values: make([]any, len(s.Fields))} }

// Schema is the schema of the struct.
func (s *Struct) Schema() *Schema { return s.schema }

// At is the value of field i, or the field's default where that is null.
func (s *Struct) At(i int) any {
	if s.values[i] == nil {
		return s.schema.Fields[i].Schema.Default
	}
	return s.values[i]
}

// Raw is the value of field i, null where it is null.
func (s *Struct) Raw(i int) any { return s.values[i] }

// Get is At by the name of the field.
func (s *Struct) Get(name string) (any, error) {
	i, ok := s.schema.Field(name)
	if !ok {
		return nil, noField(name)
	}
	return s.At(i), nil
}

// Put sets a field to a value that fits its schema.
func (s *Struct) Put(name string, value any) error {
	i, ok := s.schema.Field(name)
	if !ok {
		return noField(name)
	}
	return s.Set(i, value)
}

// Set is Put by the index of the field.
func (s *Struct) Set(i int, value any) error {
	f := &s.schema.Fields[i]
	if err := CheckField(f.Name, f.Schema, value); err != nil {
		return err
	}
	s.values[i] = value
	return nil
}

func noField(name string) error { return Errorf("%s is not a valid field name", name) }

// Validate checks all fields, also those that were never set.
func (s *Struct) Validate() error {
	for i := range s.schema.Fields {
		f := &s.schema.Fields[i]
		if s.values[i] == nil && (f.Schema.Optional || f.Schema.Default != nil) {
			continue
		}
		if err := CheckField(f.Name, f.Schema, s.values[i]); err != nil {
			return err
		}
	}
	return nil
}

// Record is a record on its way from a topic to a sink.
type Record struct {
	Topic     string // transformations may change it
	Partition int32
	Offset    int64
	Timestamp int64 // milliseconds since 1970; -1: none

	KeySchema   *Schema // nil: none
	Key         any
	ValueSchema *Schema
	Value       any
	Headers     []Header
}

// Header is one header of a record. Several may have the same key.
type Header struct {
	Key    string
	Schema *Schema
	Value  any
}
