package herder

import (
	"cmp"
	"fmt"

	"github.com/sluice-connect/sluice/worker/convert"
)

// converters are those of a task.
type converters struct{ key, value, header convert.Converter }

// converters makes the converters of a connector: its own, or the worker's.
func (h *Herder) converters(c map[string]string) (converters, error) {
	var made converters
	var err error
	if made.key, err = h.converter(c, "key"); err != nil {
		return made, err
	}
	if made.value, err = h.converter(c, "value"); err != nil {
		return made, err
	}
	made.header, err = h.converter(c, "header")
	return made, err
}

// converter makes the converter of keys, values or headers. A connector that names one gives its properties, too; those of the
// worker's converter are the worker's.
func (h *Herder) converter(c map[string]string, use string) (convert.Converter, error) {
	name := use + ".converter"
	class, props := c[name], converterProps(c, name)
	if class == "" {
		class, props = h.workerConverter(use), h.worker.Prefixed(name+".")
	}
	made, err := convert.New(class, use, props)
	if err != nil {
		return nil, fmt.Errorf("configuration %s: %w", name, err)
	}
	return made, nil
}

// workerConverter is the class of the worker's converter.
func (h *Herder) workerConverter(use string) string {
	switch use {
	case "key":
		return h.worker.KeyConverter
	case "value":
		return h.worker.ValueConverter
	}
	return cmp.Or(h.worker.HeaderConverter, convert.SimpleHeaderClass)
}
