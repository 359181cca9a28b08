package main

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sluice-connect/sluice/api"
	"github.com/sluice-connect/sluice/api/client"
)

func offsetsCommand(r *remote) *cobra.Command {
	var set, remove []string
	var reset bool
	cmd := &cobra.Command{
		Use:   "offsets NAME",
		Short: "List what a connector has committed, or change it while the connector is stopped",
		Long: `List what a connector has committed. With --set, --remove or --reset the offsets of a stopped connector are changed: it goes on from there
when it is resumed.`,
		Example: `  sluice connector offsets colours
  sluice connector stop colours
  sluice connector offsets colours --set select-color:0=100 --remove select-color:1
  sluice connector resume colours`,
		Args:              arguments(cobra.ExactArgs(1)),
		ValidArgsFunction: r.connectors(1),
		RunE: r.run(func(s *session, args []string) error {
			changes, err := parseOffsets(set, remove)
			switch {
			case err != nil:
				return err
			case reset && len(changes) > 0:
				return usage("--reset removes all offsets: leave --set and --remove out")
			case reset:
				return changedOffsets(s, args[0])(s.ResetOffsets(s.ctx, args[0]))
			case len(changes) > 0:
				return changedOffsets(s, args[0])(s.AlterOffsets(s.ctx, args[0], changes))
			}
			return listOffsets(s, args[0])
		}),
	}
	cmd.Flags().StringArrayVar(&set, "set", nil, "offset to go on from, as TOPIC:PARTITION=OFFSET")
	cmd.Flags().StringArrayVar(&remove, "remove", nil, "partition to forget the offset of, as TOPIC:PARTITION")
	cmd.Flags().BoolVar(&reset, "reset", false, "forget all offsets")
	return cmd
}

// changedOffsets says how a change of offsets went.
func changedOffsets(s *session, name string) func(said string, err error) error {
	return func(said string, err error) error {
		if client.IsInvalid(err) && strings.Contains(err.Error(), "STOPPED state") {
			return &explained{fmt.Sprintf("connector %[1]s is not stopped, which it has to be for a change of its offsets: `sluice connector stop %[1]s`", plain(name)), err}
		}
		if err != nil {
			return err
		}
		return s.show(map[string]string{"message": said}, func() string { return lines(said) + "\n" })
	}
}

// offsetRow is an offset in the output.
type offsetRow struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Offset    *int64 `json:"offset"`
}

func listOffsets(s *session, name string) error {
	offsets, err := s.Offsets(s.ctx, name)
	if err != nil {
		return err
	}
	rows := make([]offsetRow, len(offsets))
	for i, o := range offsets {
		rows[i] = offsetRow(o)
	}
	slices.SortFunc(rows, func(a, b offsetRow) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	return s.show(rows, func() string {
		t := newTable("TOPIC", "PARTITION", "OFFSET")
		for _, row := range rows {
			at := "-"
			if row.Offset != nil {
				at = strconv.FormatInt(*row.Offset, 10)
			}
			t.row(row.Topic, strconv.Itoa(int(row.Partition)), at)
		}
		return t.text()
	})
}

func parseOffsets(set, remove []string) ([]api.PartitionOffset, error) {
	var changes []api.PartitionOffset
	for _, text := range set {
		partition, offset, _ := strings.Cut(text, "=")
		change, err := parsePartition(partition)
		n, wrong := strconv.ParseInt(offset, 10, 64)
		if err != nil || wrong != nil || n < 0 {
			return nil, usage("--set %s: expected TOPIC:PARTITION=OFFSET, such as select-color:0=100", text)
		}
		change.Offset = &n
		changes = append(changes, change)
	}
	for _, text := range remove {
		change, err := parsePartition(text)
		if err != nil {
			return nil, usage("--remove %s: expected TOPIC:PARTITION, such as select-color:0", text)
		}
		changes = append(changes, change)
	}
	return changes, nil
}

func parsePartition(text string) (api.PartitionOffset, error) {
	topic, partition, ok := strings.Cut(text, ":")
	n, err := strconv.ParseInt(partition, 10, 32)
	if !ok || topic == "" || err != nil || n < 0 {
		return api.PartitionOffset{}, fmt.Errorf("%q is no partition", text)
	}
	return api.PartitionOffset{Topic: topic, Partition: int32(n)}, nil
}
