package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
)

// flagsTable renders the declaration of the flags as the README shows it.
func flagsTable() string {
	var out strings.Builder
	out.WriteString("| flag | environment variable | default | meaning |\n| --- | --- | --- | --- |\n")
	newCommand().Flags().VisitAll(func(f *pflag.Flag) {
		value, usage := pflag.UnquoteUsage(f)
		usage, _, _ = strings.Cut(usage, " [$")
		def := "`" + f.DefValue + "`"
		if f.DefValue == "" || f.DefValue == "[]" {
			def = "none"
		}
		fmt.Fprintf(&out, "| `--%s` %s | `%s` | %s | %s |\n", f.Name, value, variable(f.Name), def, usage)
	})
	return out.String()
}

func TestReadmeTableIsCurrent(t *testing.T) {
	const begin, end = "<!-- flags: written by go test ./web -run Readme -update -->\n", "<!-- end of flags -->\n"
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(readme), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("README.md lacks the marks %q and %q", begin, end)
	}
	want := before + begin + flagsTable() + end + after
	if *update {
		if err := os.WriteFile("README.md", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, string(readme)); diff != "" {
		t.Errorf("README.md is not current; run go test ./web -run Readme -update (-want +got):\n%s", diff)
	}
}

func TestHelpNamesEveryVariable(t *testing.T) {
	cmd := newCommand()
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetArgs([]string{"--help"})
	if err := cmd.Execute(); err != nil {
		t.Fatal(err)
	}
	newCommand().Flags().VisitAll(func(f *pflag.Flag) {
		if want := "[$" + variable(f.Name) + "]"; !strings.Contains(out.String(), want) {
			t.Errorf("help of --%s lacks %s", f.Name, want)
		}
	})
}

func TestEnvironment(t *testing.T) {
	parse := func(t *testing.T, args []string, env map[string]string) (settings, error) {
		t.Helper()
		var s settings
		flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
		s.declare(flags)
		if err := flags.Parse(args); err != nil {
			t.Fatal(err)
		}
		err := fromEnvironment(flags, func(name string) (string, bool) {
			v, ok := env[name]
			return v, ok
		})
		return s, err
	}
	t.Run("variable", func(t *testing.T) {
		s, err := parse(t, nil, map[string]string{"SLUICE_WEB_TOPIC": "picks", "SLUICE_WEB_BUFFER_EVENTS": "7", "SLUICE_WEB_SHUTDOWN_TIMEOUT": "3s"})
		if err != nil || s.topic != "picks" || s.bufferEvents != 7 || s.shutdownTimeout.Seconds() != 3 {
			t.Errorf("%+v, %v", s, err)
		}
	})
	t.Run("flag wins", func(t *testing.T) {
		s, err := parse(t, []string{"--topic=flag"}, map[string]string{"SLUICE_WEB_TOPIC": "variable"})
		if err != nil || s.topic != "flag" {
			t.Errorf("%+v, %v", s, err)
		}
	})
	t.Run("one property a line", func(t *testing.T) {
		s, err := parse(t, nil, map[string]string{"SLUICE_WEB_PRODUCER_PROPERTY": "a=1,2\n\n  b=x=y  \n"})
		if err != nil {
			t.Fatal(err)
		}
		props, err := s.producerProperties()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]string{"a": "1,2", "b": "x=y"}, props); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("bad value", func(t *testing.T) {
		_, err := parse(t, nil, map[string]string{"SLUICE_WEB_BUFFER_EVENTS": "many"})
		if err == nil || !strings.Contains(err.Error(), "--buffer-events (SLUICE_WEB_BUFFER_EVENTS)") {
			t.Errorf("error %v", err)
		}
	})
}

func TestCheckSettings(t *testing.T) {
	tests := []struct {
		args []string
		want string // part of the error; empty: none
	}{
		{nil, ""},
		{[]string{"--listen=[::1]:0", "--topic=a.B_c-9", "--log-format=json", "--log-level=debug"}, ""},
		{[]string{"--listen=8080"}, "--listen (SLUICE_WEB_LISTEN)"},
		{[]string{"--bootstrap-servers= , "}, "SLUICE_WEB_BOOTSTRAP_SERVERS"},
		{[]string{"--topic=a b"}, "SLUICE_WEB_TOPIC"},
		{[]string{"--topic=.."}, "SLUICE_WEB_TOPIC"},
		{[]string{"--buffer-events=0"}, "SLUICE_WEB_BUFFER_EVENTS"},
		{[]string{"--buffer-bytes=1000"}, "SLUICE_WEB_BUFFER_BYTES"},
		{[]string{"--shutdown-timeout=0s"}, "SLUICE_WEB_SHUTDOWN_TIMEOUT"},
		{[]string{"--log-level=loud"}, "SLUICE_WEB_LOG_LEVEL"},
		{[]string{"--log-format=xml"}, "SLUICE_WEB_LOG_FORMAT"},
	}
	for _, tt := range tests {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			var s settings
			flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
			s.declare(flags)
			if err := flags.Parse(tt.args); err != nil {
				t.Fatal(err)
			}
			err := s.check()
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestProducerProperties(t *testing.T) {
	file := func(t *testing.T, content string) string {
		t.Helper()
		name := filepath.Join(t.TempDir(), "producer.properties")
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	t.Run("flag wins over file", func(t *testing.T) {
		s := settings{
			propertiesFile: file(t, "# how to log in\nsasl.username = ada\n\nsasl.password=hunter2=\n"),
			properties:     []string{"sasl.username=grace"},
		}
		got, err := s.producerProperties()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]string{"sasl.username": "grace", "sasl.password": "hunter2="}, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	bad := map[string]settings{
		"line without a name": {propertiesFile: file(t, "a=1\nhunter2\n")},
		"flag without a name": {properties: []string{"hunter2"}},
		"empty name":          {properties: []string{"=hunter2"}},
		"no such file":        {propertiesFile: filepath.Join(t.TempDir(), "none")},
		"owned property":      {properties: []string{"go.logs.channel=hunter2"}},
	}
	for name, s := range bad {
		t.Run(name, func(t *testing.T) {
			_, err := s.producerProperties()
			if err == nil || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("error %v", err)
			}
		})
	}
}
