package main

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/sluice-connect/sluice/worker/config"
	"github.com/sluice-connect/sluice/worker/embedded"
)

func devCommand() *cobra.Command {
	var logs logFlags
	var data, kafka, listen, plugins, properties string
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Run a worker with a Kafka broker inside, for development",
		Long: `Run a worker and a Kafka broker in one process. The broker keeps its data in a folder, so that topics, connectors
and offsets are there again after a restart. It is for development and trials: one broker, no replication.

Each flag can be given as an environment variable too: SLUICE_DEV_DATA, SLUICE_DEV_KAFKA, SLUICE_DEV_LISTEN,
SLUICE_DEV_PLUGINS, SLUICE_DEV_PROPERTIES.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, levels, err := logs.logger(os.Stderr)
			if err != nil {
				return err
			}
			broker, err := embedded.Start(embedded.Config{Listen: kafka, Dir: data, Logger: log.With("component", "kafka")})
			if err != nil {
				return fmt.Errorf("%w (flag --kafka, variable SLUICE_DEV_KAFKA)", err)
			}
			defer broker.Close() //nolint:errcheck // at exit; what was acknowledged is in its files already
			props, err := devProperties(properties)
			if err != nil {
				return err
			}
			props["bootstrap.servers"] = broker.Bootstrap()
			props["listeners"] = listen
			props["plugin.path"] = cmp.Or(plugins, props["plugin.path"], besideBinary("plugins"))
			w, err := config.ParseWorker(props, log)
			if err != nil {
				return err
			}
			log.Info("embedded broker is up", "bootstrap", broker.Bootstrap(), "data", data)
			return serve(cmd.Context(), w, log, levels)
		},
	}
	env := func(name, fallback string) string { return cmp.Or(os.Getenv("SLUICE_DEV_"+name), fallback) }
	cmd.Flags().StringVar(&data, "data", env("DATA", filepath.Join("data", "dev")), "folder for the broker's data")
	cmd.Flags().StringVar(&kafka, "kafka", env("KAFKA", "127.0.0.1:9092"), "address of the broker; port 0 takes a free one")
	cmd.Flags().StringVar(&listen, "listen", env("LISTEN", "http://127.0.0.1:8083"), "address of the REST API")
	cmd.Flags().StringVar(&plugins, "plugins", env("PLUGINS", ""), "folders with plugin binaries, between commas (default: plugins beside this program)")
	cmd.Flags().StringVar(&properties, "properties", env("PROPERTIES", ""), "file with further worker properties")
	logs.register(cmd)
	return cmd
}

// devProperties are worker properties that suit one broker on one machine, and those of the user on top.
func devProperties(path string) (map[string]string, error) {
	props := map[string]string{
		"group.id":                          "sluice-dev",
		"key.converter":                     "org.apache.kafka.connect.storage.StringConverter",
		"value.converter":                   "org.apache.kafka.connect.json.JsonConverter",
		"value.converter.schemas.enable":    "false",
		"config.storage.topic":              "sluice-configs",
		"config.storage.replication.factor": "1",
		"status.storage.topic":              "sluice-status",
		"status.storage.replication.factor": "1",
		"status.storage.partitions":         "1",
		"offset.storage.topic":              "sluice-offsets",
		"scheduled.rebalance.max.delay.ms":  "1000",
	}
	if path == "" {
		return props, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading worker properties: %w", err)
	}
	defer f.Close() //nolint:errcheck // read only
	own, err := config.ParseProperties(f)
	if err != nil {
		return nil, fmt.Errorf("reading worker properties %s: %w", path, err)
	}
	maps.Copy(props, own)
	return props, nil
}
