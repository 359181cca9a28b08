package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"unicode/utf8"
)

// decodeCreate reads the body of POST /connectors.
func decodeCreate(h Herder, r *http.Request) (CreateRequest, error) {
	fields, err := decodeObject(r, "name, config and, optionally, initial_state")
	if err != nil {
		return CreateRequest{}, err
	}
	var req CreateRequest
	for field := range fields {
		if !slices.Contains([]string{"name", "config", "initial_state"}, field) {
			return CreateRequest{}, badRequest("unknown field %q in the request body; known are name, config and initial_state", field)
		}
	}
	name, err := scalar("name", fields["name"])
	if err != nil {
		return CreateRequest{}, err
	}
	if name != nil {
		req.Name = strings.TrimFunc(*name, func(c rune) bool { return c <= ' ' })
	}
	if isNull(fields["config"]) {
		return CreateRequest{}, badRequest("field config is missing in the request body: expected an object with the connector's configuration")
	}
	config, err := configMap("config", fields["config"])
	if err != nil {
		return CreateRequest{}, err
	}
	if req.Config, err = complete(h, r, config, req.Name); err != nil {
		return CreateRequest{}, err
	}
	state, err := scalar("initial_state", fields["initial_state"])
	if err != nil || state == nil {
		return req, err
	}
	switch strings.ToUpper(*state) {
	case "RUNNING":
		req.InitialState = Started
	case "PAUSED":
		req.InitialState = Paused
	case "STOPPED":
		req.InitialState = Stopped
	default:
		return CreateRequest{}, badRequest("invalid value %q of field initial_state: expected RUNNING, PAUSED or STOPPED", *state)
	}
	return req, nil
}

// settings names what the body of a configuration has.
const settings = "configuration keys and their values"

// decodeConfig reads the whole configuration of the connector that the path names.
func decodeConfig(h Herder, r *http.Request, connector string) (map[string]string, error) {
	config, err := decodeMap(r, settings)
	if err != nil {
		return nil, err
	}
	return complete(h, r, config, connector)
}

// complete puts the connector's name into its configuration, where it must not be another one, and refuses null, but for keys of the
// plugin: a configuration cannot hold it, so that everything wrong with it is said here.
func complete(h Herder, r *http.Request, config map[string]*string, connector string) (map[string]string, error) {
	if name := config["name"]; name == nil {
		config["name"] = &connector
	} else if *name != connector {
		return nil, badRequest("Connector name configuration (%s) doesn't match connector name in the URL (%s)", *name, connector)
	}
	values, nulls := withoutNulls(config)
	if len(nulls) == 0 {
		return values, nil
	}
	infos, err := h.Validate(r.Context(), values["connector.class"], values)
	if err != nil {
		return nil, err
	}
	if !refuseNulls(&infos, nulls) {
		return values, nil
	}
	var lines strings.Builder
	for _, c := range infos.Configs {
		for _, e := range c.Value.Errors {
			lines.WriteString("\n" + e)
		}
	}
	return nil, badRequest("Connector configuration is invalid and contains the following %d error(s):%s\n"+
		"You can also find the above list of errors at the endpoint `/connector-plugins/{connectorType}/config/validate`", infos.ErrorCount, lines.String())
}

// withoutNulls gives the keys that have values, and the sorted names of the others.
func withoutNulls(config map[string]*string) (values map[string]string, nulls []string) {
	values = make(map[string]string, len(config))
	for key, value := range config {
		if value == nil {
			nulls = append(nulls, key)
			continue
		}
		values[key] = *value
	}
	slices.Sort(nulls)
	return values, nulls
}

// decodeMap reads a body of keys and values, which of names; a value of null stays nil.
func decodeMap(r *http.Request, of string) (map[string]*string, error) {
	fields, err := decodeObject(r, of)
	if err != nil {
		return nil, err
	}
	return scalars("", fields)
}

func configMap(field string, raw json.RawMessage) (map[string]*string, error) {
	fields := map[string]json.RawMessage{}
	if kind := jsonKind(raw); kind != "an object" {
		return nil, badRequest("field %s: expected an object, found %s", field, kind)
	}
	if err := json.Unmarshal(raw, &fields); err != nil {
		return nil, badRequest("field %s: %v", field, err) // cannot be: the document was parsed
	}
	return scalars(field+".", fields)
}

func scalars(prefix string, fields map[string]json.RawMessage) (map[string]*string, error) {
	out := make(map[string]*string, len(fields))
	for key, raw := range fields {
		value, err := scalar(prefix+key, raw)
		if err != nil {
			return nil, err
		}
		out[key] = value
	}
	return out, nil
}

// scalar reads a string; a number or boolean stands for its text, as it was written. Null and nothing are nil.
func scalar(field string, raw json.RawMessage) (*string, error) {
	if isNull(raw) {
		return nil, nil //nolint:nilnil // null is a value of its own here
	}
	switch kind := jsonKind(raw); kind {
	case "a string":
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			return nil, badRequest("field %s: %v", field, err) // cannot be: the document was parsed
		}
		return &s, nil
	case "a number", "a boolean":
		s := string(raw)
		return &s, nil
	default:
		return nil, badRequest("field %s: expected a string, a number or a boolean, found %s", field, kind)
	}
}

func isNull(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

// jsonKind names what a valid document is.
func jsonKind(raw json.RawMessage) string {
	switch {
	case len(raw) == 0:
		return "nothing"
	case raw[0] == '{':
		return "an object"
	case raw[0] == '[':
		return "an array"
	case raw[0] == '"':
		return "a string"
	case raw[0] == 't', raw[0] == 'f':
		return "a boolean"
	case raw[0] == 'n':
		return "null"
	default:
		return "a number"
	}
}

// decodeObject reads the JSON object that a body is. Of a key that comes twice the last counts, as in Connect.
func decodeObject(r *http.Request, of string) (map[string]json.RawMessage, error) {
	raw, err := decodeBody(r, of)
	if err != nil {
		return nil, err
	}
	return bodyObject(raw, of)
}

// decodeBody reads the JSON that a body is.
func decodeBody(r *http.Request, of string) (json.RawMessage, error) {
	body, err := readBody(r)
	if err != nil {
		return nil, err
	}
	// A resource takes no Content-Type, or a range, for any; a body needs its own.
	unfit := &Error{Status: http.StatusUnsupportedMediaType, Message: refusal(http.StatusUnsupportedMediaType)}
	declared := r.Header.Get("Content-Type")
	switch {
	case declared != "" && !isJSON(declared):
		return nil, unfit
	case len(bytes.TrimSpace(body)) == 0:
		return nil, &absentBody{badRequest("the request body is empty: expected a JSON object with %s", of)}
	case declared == "":
		return nil, unfit
	}
	return parseBody(body)
}

func parseBody(body []byte) (json.RawMessage, error) {
	var raw json.RawMessage
	if err := json.Unmarshal(body, &raw); err != nil {
		return nil, malformed(body, err)
	}
	return bytes.TrimSpace(raw), nil
}

// absentBody says that a body is empty or null.
type absentBody struct{ error }

func (e *absentBody) Unwrap() error { return e.error }

func bodyObject(raw json.RawMessage, of string) (map[string]json.RawMessage, error) {
	switch kind := jsonKind(raw); kind {
	case "an object":
	case "null":
		return nil, &absentBody{badRequest("the request body is null: expected a JSON object with %s", of)}
	default:
		return nil, badRequest("the request body is %s: expected a JSON object with %s", kind, of)
	}
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal(raw, &fields); err != nil {
		return nil, malformed(raw, err)
	}
	return fields, nil
}

// unquote is the object that a JSON string holds, and anything else as it is.
func unquote(raw json.RawMessage) json.RawMessage {
	var text string
	if jsonKind(raw) != "a string" || json.Unmarshal(raw, &text) != nil {
		return raw
	}
	if inner := bytes.TrimSpace([]byte(text)); json.Valid(inner) && jsonKind(inner) == "an object" {
		return inner
	}
	return raw
}

// readBody reads all of a body that is within the bound.
func readBody(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(r.Body)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, &Error{
			Status:  http.StatusRequestEntityTooLarge,
			Message: fmt.Sprintf("the request body is larger than %d bytes, the most that is accepted", tooLarge.Limit),
		}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, &Error{Status: http.StatusRequestTimeout, Message: "the request body came too slowly: send it again, all at once"}
	case err != nil:
		return nil, badRequest("the request body broke off: %v", err)
	}
	body = bytes.TrimPrefix(body, []byte("\ufeff")) // some editors put it before everything
	if !utf8.Valid(body) {
		line, column := position(body, invalidAt(body))
		return nil, badRequest("the request body is not UTF-8: line %d, column %d", line, column)
	}
	return body, nil
}

// malformed says where JSON goes wrong.
func malformed(body []byte, err error) error {
	at := len(body)
	what := "it ends too early"
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		at = int(min(syntax.Offset, int64(len(body))))
		if syntax.Error() != "unexpected end of JSON input" {
			what = syntax.Error()
			at = max(at-1, 0) // the offset counts the byte that is wrong
		}
	}
	line, column := position(body, at)
	return badRequest("the request body is not JSON: %s at line %d, column %d", what, line, column)
}

// position counts lines and, in characters, columns from 1.
func position(body []byte, at int) (line, column int) {
	before := body[:min(at, len(body))]
	begin := bytes.LastIndexByte(before, '\n') + 1
	return bytes.Count(before, []byte("\n")) + 1, utf8.RuneCount(before[begin:]) + 1
}

func invalidAt(body []byte) int {
	for i := 0; i < len(body); {
		c, n := utf8.DecodeRune(body[i:])
		if c == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return len(body)
}
