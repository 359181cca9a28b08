package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// encode writes JSON as Connect's converter does: no white space, and characters such as < as they are.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // the types given here always encode
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// object is a JSON object whose fields are read by their exact names: encoding/json's structs would take Tasks for tasks.
type object map[string]json.RawMessage

func decodeObject(b []byte) (object, error) {
	if b == nil {
		return nil, errors.New("no value")
	}
	var o object
	if err := json.Unmarshal(b, &o); err != nil {
		return nil, err
	}
	if o == nil {
		return nil, errors.New("null instead of an object")
	}
	return o, nil
}

// field reads a field; it is an error that the field is missing, null or of another type.
func field[T any](o object, name string) (T, error) {
	v, ok, err := optional[T](o, name)
	if err == nil && !ok {
		err = fmt.Errorf("no field %q", name)
	}
	return v, err
}

// optional reads a field that may be missing or null.
func optional[T any](o object, name string) (v T, ok bool, err error) {
	raw, ok := o[name]
	if !ok || string(raw) == "null" {
		return v, false, nil
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		return v, false, fmt.Errorf("field %q: %w", name, err)
	}
	return v, true, nil
}
