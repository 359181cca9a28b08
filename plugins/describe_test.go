package plugins

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sluice-connect/sluice/connectors"
)

var update = flag.Bool("update", false, "write golden files again")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("not as in %s; got\n%s", path, got)
	}
}

// full is a sink with a key of every kind.
func full() *fakeSink {
	return &fakeSink{spec: func() connectors.Spec {
		return connectors.Spec{
			Name: "full", Version: "1.2.3", Summary: "Has all kinds of keys",
			Classes: []connectors.Class{{Name: "com.example.FullSinkConnector", Task: "com.example.FullSinkTask"}},
			Values:  []connectors.Payload{connectors.PayloadJSON, connectors.PayloadString},
			Config: connectors.Define(
				connectors.String("a.text", "Text.", connectors.Required(), connectors.Group("A"), connectors.WithImportance(connectors.High),
					connectors.WithWidth(connectors.WidthLong), connectors.Display("A text"), connectors.Dependents("b.number"), connectors.Recommend("x", "y")),
				connectors.Int("b.number", "Number.", connectors.Default("5"), connectors.Between(1, 10), connectors.Group("A")),
				connectors.Secret("c.password", "Password."),
				connectors.Bool("d.old", "Old.", connectors.Default("false"), connectors.Ignored("it is old")),
				connectors.Millis("e.time", "Time.", connectors.Default("100")),
			),
		}
	}}
}

func TestDescriptionCrossesTheWire(t *testing.T) {
	f := full()
	c, _ := serve(t, f)
	got, err := c.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	spec := f.Spec()
	if got.Name != spec.Name || got.Version != spec.Version || got.Summary != spec.Summary || !got.Probes ||
		!reflect.DeepEqual(got.Classes, spec.Classes) || !reflect.DeepEqual(got.Values, spec.Values) || len(got.Keys) != 0 {
		t.Errorf("%+v", got)
	}
	if !reflect.DeepEqual(got.Config, spec.Config.Keys()) {
		t.Errorf("keys arrive as\n%+v\nwant\n%+v", got.Config, spec.Config.Keys())
	}
}

func TestByHand(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		code int
	}{{"spec", []string{"spec"}, 0}, {"version", []string{"version"}, 0}, {"help", nil, 2}, {"unknown", []string{"run", "now"}, 2}} {
		t.Run(c.name, func(t *testing.T) {
			var out, errOut bytes.Buffer
			if code := byHand(full(), c.args, &out, &errOut); code != c.code {
				t.Errorf("exit status %d", code)
			}
			if c.code == 0 {
				golden(t, c.name+".txt", out.Bytes())
			} else if !strings.Contains(errOut.String(), "plugin.path") || out.Len() > 0 {
				t.Errorf("%q, %q", out.String(), errOut.String())
			}
		})
	}
}

func TestValidate(t *testing.T) {
	probed := 0
	refused := connectors.Retriable("connecting", errors.New("refused"), "")
	var failure error
	f := &fakeSink{
		validate: func(c connectors.Config) []connectors.ConfigError {
			if text.Get(c) == "two" {
				return []connectors.ConfigError{{Key: "text", Message: "not two"}, {Key: "other", Message: "not declared"}}
			}
			return nil
		},
		probe: func(context.Context) error {
			probed++
			return failure
		},
	}
	c, _ := serve(t, f)
	for name, tc := range map[string]struct {
		config map[string]string
		probe  bool
		fails  error
		want   string
		probed int
	}{
		"missing":           {nil, true, refused, `text: Missing required configuration "text" which has no default value.`, 0},
		"fits":              {map[string]string{"text": "one", "unknown": "x"}, false, nil, "", 0},
		"several keys":      {map[string]string{"text": "two"}, true, refused, "text: not two|other: not declared", 0},
		"connection":        {map[string]string{"text": "one"}, true, refused, "text: connecting: refused", 1},
		"connection, keys":  {map[string]string{"text": "one"}, true, &connectors.ProbeError{Keys: []string{"text", "a"}, Err: refused}, "text: connecting: refused|a: connecting: refused", 1},
		"connection, unask": {map[string]string{"text": "one"}, false, refused, "", 0},
		"connection, fine":  {map[string]string{"text": "one"}, true, nil, "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			probed, failure = 0, tc.fails
			values, err := c.Validate(t.Context(), tc.config, tc.probe)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, v := range values {
				for _, e := range v.Errors {
					got = append(got, v.Name+": "+e)
				}
			}
			if strings.Join(got, "|") != tc.want || probed != tc.probed {
				t.Errorf("%q, probed %d times", got, probed)
			}
		})
	}
}

func TestCallsThatMisbehave(t *testing.T) {
	free := make(chan struct{})
	defer close(free)
	hang := func() { <-free }
	for name, c := range map[string]struct {
		sink *fakeSink
		call func(context.Context, *Client) error
		want string
		code connectors.Code
	}{
		"describe hangs":  {&fakeSink{spec: func() connectors.Spec { hang(); return connectors.Spec{} }}, func(ctx context.Context, c *Client) error { _, err := c.Describe(ctx); return err }, "did not answer in time", connectors.CodeRetriable},
		"describe panics": {&fakeSink{spec: func() connectors.Spec { panic("no luck") }}, func(ctx context.Context, c *Client) error { _, err := c.Describe(ctx); return err }, "panic: no luck", connectors.CodeFatal},
		"validate hangs": {&fakeSink{validate: func(connectors.Config) []connectors.ConfigError { hang(); return nil }}, func(ctx context.Context, c *Client) error {
			_, err := c.Validate(ctx, config, false)
			return err
		}, "did not answer in time", connectors.CodeRetriable},
		"validate panics": {&fakeSink{validate: func(connectors.Config) []connectors.ConfigError { panic("no luck") }}, func(ctx context.Context, c *Client) error {
			_, err := c.Validate(ctx, config, false)
			return err
		}, "panic: no luck", connectors.CodeFatal},
		"start hangs": {&fakeSink{start: func(context.Context, connectors.Config, connectors.Runtime) error { hang(); return nil }}, func(ctx context.Context, c *Client) error {
			_, err := c.StartTask(ctx, TaskSpec{Connector: "c", Config: config})
			return err
		}, "did not answer in time", connectors.CodeRetriable},
	} {
		t.Run(name, func(t *testing.T) {
			client, _ := serve(t, c.sink)
			within := patience
			if strings.HasSuffix(name, "hangs") {
				within = 200 * time.Millisecond
			}
			ctx, cancel := context.WithTimeout(t.Context(), within)
			defer cancel()
			err := c.call(ctx, client)
			if err == nil || !strings.Contains(err.Error(), c.want) || connectors.CodeOf(err) != c.code {
				t.Errorf("%v (%v)", err, connectors.CodeOf(err))
			}
		})
	}
}
