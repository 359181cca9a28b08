package encode

import (
	"fmt"
	"strings"
)

// compatibility is a mode of schema.compatibility.
type compatibility uint8

const (
	compatNone     compatibility = iota // every other schema begins another file
	compatBackward                      // files have the newest schema seen; older records are projected to it
	compatForward                       // files have the oldest schema seen; newer records are projected to it
	compatFull                          // as BACKWARD
)

var compatNames = [...]string{"NONE", "BACKWARD", "FORWARD", "FULL"}

// Compatibilities names the modes of schema.compatibility.
func Compatibilities() []string { return compatNames[:] }

func parseCompatibility(name string) (compatibility, error) {
	for c, known := range compatNames {
		if strings.EqualFold(name, known) {
			return compatibility(c), nil
		}
	}
	if name == "" {
		return compatNone, nil
	}
	return 0, fmt.Errorf("schema.compatibility %s is not known", name)
}

// fits says whether records of one schema can be written to files of another.
func (c compatibility) fits(record, file *schema) bool {
	if !projects(record, file) {
		return false
	}
	if c == compatForward {
		return record.version >= file.version
	}
	return record.version <= file.version
}

// projects says whether every value of one schema has its like in another: types are the same or wider numbers, names and
// parameters are the same, and what the record may leave out, or does not have, is optional in the file or has a default.
func projects(record, file *schema) bool {
	if record.kind != file.kind && !widens(record.kind, file.kind) || record.name != file.name || !sameMeaning(record, file) ||
		record.optional && !file.optional && file.byDefault == "" {
		return false
	}
	switch record.kind {
	case structKind:
		for _, f := range record.fields {
			if i, ok := file.index[f.name]; ok && !projects(f.schema, file.fields[i].schema) {
				return false
			}
		}
		for _, f := range file.fields {
			if _, ok := record.index[f.name]; !ok && !f.optional && f.byDefault == "" {
				return false
			}
		}
		return true
	case arrayKind:
		return projects(record.value, file.value)
	case mapKind:
		return projects(record.key, file.key) && projects(record.value, file.value)
	default:
		return true
	}
}

// widens says whether numbers of one kind can be written as another, which has all of them, or about all.
func widens(from, to kind) bool { return from >= int8Kind && from <= to && to <= float64Kind }

// sameMeaning compares the parameters but for those that only describe. The symbols of an enum may become more.
func sameMeaning(record, file *schema) bool {
	describes := func(name string) bool {
		return name == "connect.record.doc" || name == "connect.record.aliases" || name == "connect.record.namespace" || strings.HasPrefix(name, avroFieldDoc)
	}
	if isAnyEnum(record) && isAnyEnum(file) {
		return within(record, file, describes)
	}
	return sameParameters(record, file, describes)
}

// isAnyEnum says whether a schema stands for an enum of Avro, Protobuf or Confluent's common form.
func isAnyEnum(s *schema) bool {
	for _, name := range [...]string{avroEnum, "org.apache.kafka.connect.data.Enum", "io.confluent.connect.protobuf.Enum"} {
		if _, ok := s.parameter(name); ok {
			return true
		}
	}
	return false
}
