package main

import (
	"bufio"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sluice-connect/sluice/web/publish"
)

// envPrefix starts the environment variable of every flag: --buffer-events is SLUICE_WEB_BUFFER_EVENTS.
const envPrefix = "SLUICE_WEB_"

// settings is the configuration of the service. declare is the one place where its flags, variables and defaults are written.
type settings struct {
	listen           string
	bootstrapServers string
	topic            string
	bufferEvents     int
	bufferBytes      int64
	shutdownTimeout  time.Duration
	properties       []string
	propertiesFile   string
	logLevel         string
	logFormat        string
}

// declare adds the flags to the command.
func (s *settings) declare(flags *pflag.FlagSet) {
	flags.StringVar(&s.listen, "listen", "127.0.0.1:8080",
		"`address` to serve on, host:port; the default is reachable from this machine only")
	flags.StringVar(&s.bootstrapServers, "bootstrap-servers", "127.0.0.1:9092",
		"Kafka brokers to start from, `host:port` separated by commas")
	flags.StringVar(&s.topic, "topic", "select-color",
		"`topic` to publish to; created with 3 partitions when missing")
	flags.IntVar(&s.bufferEvents, "buffer-events", 100_000,
		"most `events` waiting for Kafka, 1 to 10000000; above it requests are refused with 503")
	flags.Int64Var(&s.bufferBytes, "buffer-bytes", 64<<20,
		"most `bytes` of events waiting for Kafka, 65536 to 17179869184; above it requests are refused with 503")
	flags.DurationVar(&s.shutdownTimeout, "shutdown-timeout", 25*time.Second,
		"`time` that open requests and waiting events have after the first SIGTERM or SIGINT")
	flags.StringArrayVar(&s.properties, "producer-property", nil,
		"further librdkafka producer property, `name=value`; may be repeated (in the variable: one a line)")
	flags.StringVar(&s.propertiesFile, "producer-properties-file", "",
		"`file` with further producer properties, name=value a line; the place for passwords")
	flags.StringVar(&s.logLevel, "log-level", "info", "least `level` logged to stderr: debug, info, warn or error")
	flags.StringVar(&s.logFormat, "log-format", "text", "`format` of the log: text or json")
	flags.VisitAll(func(f *pflag.Flag) { f.Usage += " [$" + variable(f.Name) + "]" })
}

// variable is the name of a flag's environment variable.
func variable(flag string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// named is how messages call a setting, so that one knows where to change it however it was given.
func named(flag string) string { return fmt.Sprintf("--%s (%s)", flag, variable(flag)) }

// fromEnvironment sets every flag that is not on the command line from its variable. It runs after parsing, so that no value of a
// variable shows up as a default in the help.
func fromEnvironment(flags *pflag.FlagSet, lookup func(string) (string, bool)) error {
	var failed error
	flags.VisitAll(func(f *pflag.Flag) {
		value, ok := lookup(variable(f.Name))
		if !ok || f.Changed || failed != nil {
			return
		}
		values := []string{value}
		if f.Name == "producer-property" {
			values = nonEmptyLines(value)
		}
		for _, v := range values {
			if err := flags.Set(f.Name, v); err != nil {
				failed = fmt.Errorf("%s: the variable is not a valid %s", named(f.Name), f.Value.Type())
			}
		}
	})
	return failed
}

func nonEmptyLines(s string) []string {
	var lines []string
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

var topicName = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`)

// check reports the first setting that cannot work, by the names of its flag and variable.
func (s *settings) check() error {
	fail := func(flag, format string, args ...any) error {
		return fmt.Errorf("%s: %s", named(flag), fmt.Sprintf(format, args...))
	}
	if _, _, err := net.SplitHostPort(s.listen); err != nil {
		return fail("listen", "%q is not host:port", s.listen)
	}
	if strings.Trim(s.bootstrapServers, " ,") == "" {
		return fail("bootstrap-servers", "at least one broker is needed")
	}
	if !topicName.MatchString(s.topic) || s.topic == "." || s.topic == ".." {
		return fail("topic", "%q is not a name that Kafka allows: 1 to 249 of a-z, A-Z, 0-9, '.', '_' and '-'", s.topic)
	}
	if s.bufferEvents < 1 || s.bufferEvents > 10_000_000 {
		return fail("buffer-events", "must be 1 to 10000000")
	}
	if s.bufferBytes < 64<<10 || s.bufferBytes > 16<<30 {
		return fail("buffer-bytes", "must be 65536 to 17179869184")
	}
	if s.shutdownTimeout <= 0 {
		return fail("shutdown-timeout", "must be above zero")
	}
	if err := new(slog.Level).UnmarshalText([]byte(s.logLevel)); err != nil {
		return fail("log-level", "must be debug, info, warn or error")
	}
	if s.logFormat != "text" && s.logFormat != "json" {
		return fail("log-format", "must be text or json")
	}
	return nil
}

// producerProperties reads the further producer properties; the flag wins over the file. Messages never hold a value, since it may be a
// password.
func (s *settings) producerProperties() (map[string]string, error) {
	props := map[string]string{}
	if s.propertiesFile != "" {
		file, err := os.Open(s.propertiesFile)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", named("producer-properties-file"), err)
		}
		defer file.Close() //nolint:errcheck // read only
		lines := bufio.NewScanner(file)
		for n := 1; lines.Scan(); n++ {
			line := strings.TrimSpace(lines.Text())
			if line == "" || strings.HasPrefix(line, "#") {
				continue
			}
			if err := addProperty(props, line); err != nil {
				return nil, fmt.Errorf("%s: line %d: %w", named("producer-properties-file"), n, err)
			}
		}
		if err := lines.Err(); err != nil {
			return nil, fmt.Errorf("%s: %w", named("producer-properties-file"), err)
		}
	}
	for i, p := range s.properties {
		if err := addProperty(props, p); err != nil {
			return nil, fmt.Errorf("%s: number %d: %w", named("producer-property"), i+1, err)
		}
	}
	if err := publish.CheckProperties(props); err != nil {
		return nil, err
	}
	return props, nil
}

func addProperty(props map[string]string, pair string) error {
	name, value, ok := strings.Cut(pair, "=")
	name = strings.TrimSpace(name)
	if !ok || name == "" {
		return errors.New("is not name=value")
	}
	props[name] = strings.TrimSpace(value)
	return nil
}

// logger makes the logger that the settings ask for, writing to the command's stderr.
func (s *settings) logger(cmd *cobra.Command) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(s.logLevel)) // checked
	options := &slog.HandlerOptions{Level: level}
	if s.logFormat == "json" {
		return slog.New(slog.NewJSONHandler(cmd.ErrOrStderr(), options))
	}
	return slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), options))
}
