package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/sluice-connect/sluice/api"
)

// definition is a connector as a file has it.
type definition struct {
	name   string
	config map[string]string // with the name
	state  api.TargetState   // to begin in; empty: not said
}

// readDefinitions reads files, and all *.json of folders. Each connector may be there once.
func readDefinitions(paths []string, stdin io.Reader) ([]definition, error) {
	var all []definition
	seen := map[string]string{}
	for _, path := range paths {
		files, err := filesOf(path)
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			d, err := readDefinition(file, stdin)
			if err != nil {
				return nil, err
			}
			if other, twice := seen[d.name]; twice {
				return nil, fmt.Errorf("connector %s is in %s and in %s: keep one of them", plain(d.name), other, file)
			}
			seen[d.name] = file
			all = append(all, d)
		}
	}
	return all, nil
}

func filesOf(path string) ([]string, error) {
	info, err := os.Stat(path)
	if path == "-" || err == nil && !info.IsDir() {
		return []string{path}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading connectors: %w", err)
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, fmt.Errorf("reading connectors: %w", err)
	}
	var files []string
	for _, e := range entries {
		if filepath.Ext(e.Name()) == ".json" && !e.IsDir() {
			files = append(files, filepath.Join(path, e.Name()))
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("folder %s has no file that ends in .json", path)
	}
	return files, nil
}

// readDefinition reads a connector in either form that Kafka Connect takes: name and config, or the configuration alone.
func readDefinition(file string, stdin io.Reader) (definition, error) {
	fields, err := readObject(file, stdin)
	if err != nil {
		return definition{}, err
	}
	var d definition
	raw, whole := fields["config"]
	if whole = whole && bytes.HasPrefix(raw, []byte("{")); whole {
		inner := map[string]json.RawMessage{}
		if err := json.Unmarshal(raw, &inner); err != nil {
			return d, fmt.Errorf("%s: reading config: %w", file, err)
		}
		if err := d.readFields(fields); err != nil {
			return d, fmt.Errorf("%s: %w", file, err)
		}
		fields = inner
	}
	values, err := scalars(fields)
	if err != nil {
		return d, fmt.Errorf("%s: %w", file, err)
	}
	d.config = make(map[string]string, len(values)+1)
	for key, value := range values {
		if value == nil {
			return d, fmt.Errorf("%s: key %s is null: leave it out or give it a value", file, plain(key))
		}
		d.config[key] = *value
	}
	inner, has := d.config["name"]
	switch {
	case d.name == "":
		d.name = inner
	case has && inner != d.name:
		return d, fmt.Errorf("%s: it is called %s, but key name of its configuration says %s", file, plain(d.name), plain(inner))
	}
	if d.name == "" {
		return d, fmt.Errorf(`%s: it has no name: add a key name to the configuration, or use the form {"name":…,"config":{…}}`, file)
	}
	d.config["name"] = d.name
	return d, nil
}

// readFields reads what stands beside the configuration.
func (d *definition) readFields(fields map[string]json.RawMessage) error {
	for field, raw := range fields {
		var text string
		switch field {
		case "name", "initial_state":
			if err := json.Unmarshal(raw, &text); err != nil {
				return fmt.Errorf("field %s: expected a string", field)
			}
		case "config", "tasks", "type": // the last two are in what GET answers, and are the worker's
			continue
		default:
			return fmt.Errorf("unknown field %q beside config; known are name and initial_state", field)
		}
		if field == "name" {
			d.name = text
			continue
		}
		state, err := initialState(text)
		if err != nil {
			return fmt.Errorf("field initial_state: %w", err)
		}
		d.state = state
	}
	return nil
}

func initialState(text string) (api.TargetState, error) {
	switch strings.ToUpper(text) {
	case running:
		return api.Started, nil
	case string(api.Paused):
		return api.Paused, nil
	case string(api.Stopped):
		return api.Stopped, nil
	default:
		return "", fmt.Errorf("%q is no state to begin in: it is RUNNING, PAUSED or STOPPED", text)
	}
}

// readPatch reads keys to change, of a file or of arguments; nil removes a key.
func readPatch(file string, args []string, stdin io.Reader) (map[string]*string, error) {
	switch {
	case (file == "") == (len(args) == 0):
		return nil, usage("give keys and values to change, or a file with -f")
	case file != "":
		fields, err := readObject(file, stdin)
		if err != nil {
			return nil, err
		}
		values, err := scalars(fields)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		return values, nil
	}
	patch := map[string]*string{}
	for _, arg := range args {
		key, value, sets := strings.Cut(arg, "=")
		removed, removes := strings.CutSuffix(arg, "-")
		switch {
		case sets && key != "":
			patch[key] = &value
		case !sets && removes && removed != "":
			patch[removed] = nil
		default:
			return nil, usage("%q is neither KEY=VALUE nor KEY-", arg)
		}
	}
	return patch, nil
}

// readObject reads the JSON object that a file is.
func readObject(file string, stdin io.Reader) (map[string]json.RawMessage, error) {
	var text []byte
	var err error
	if file == "-" {
		text, err = io.ReadAll(stdin)
	} else {
		text, err = os.ReadFile(file)
	}
	if err != nil {
		return nil, fmt.Errorf("reading a connector: %w", err)
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(text, &fields); err != nil {
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			before := text[:min(int(syntax.Offset), len(text))]
			return nil, fmt.Errorf("%s is not JSON: %w, in line %d", file, err, bytes.Count(before, []byte("\n"))+1)
		}
		return nil, fmt.Errorf("%s: expected a JSON object with the configuration of a connector", file)
	}
	if fields == nil {
		return nil, fmt.Errorf("%s: expected a JSON object with the configuration of a connector, found null", file)
	}
	return fields, nil
}

// scalars are values as Connect takes them: numbers and booleans stand for their texts. Null is nil.
func scalars(fields map[string]json.RawMessage) (map[string]*string, error) {
	out := make(map[string]*string, len(fields))
	for key, raw := range fields {
		switch raw[0] {
		case 'n':
			out[key] = nil
		case '{', '[':
			return nil, fmt.Errorf("key %s: expected a string, a number or a boolean", plain(key))
		case '"':
			var s string
			if err := json.Unmarshal(raw, &s); err != nil {
				return nil, fmt.Errorf("key %s: %w", plain(key), err)
			}
			out[key] = &s
		default:
			s := string(raw)
			out[key] = &s
		}
	}
	return out, nil
}
