package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/sluice-connect/sluice/api"
)

func clusterCommand() *cobra.Command {
	r := &remote{}
	cmd := group(&cobra.Command{Use: "cluster", Short: "Look at the workers of a cluster"}, clusterStatusCommand(r))
	r.register(cmd)
	return cmd
}

func clusterStatusCommand(r *remote) *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show the workers, who leads, what each has, and whether work is moving",
		Long: `Show the workers of a cluster, who leads, how many connectors and tasks each has, and whether work is moving. A worker is active,
joining, leaving, or absent: gone, while its work waits for it (scheduled.rebalance.max.delay.ms). The exit code is 4 when
a worker is absent.`,
		Args: arguments(cobra.NoArgs),
		RunE: r.run(func(s *session, _ []string) error {
			info, err := s.Cluster(s.ctx)
			if err != nil {
				return err
			}
			if err := s.show(info, func() string { return clusterTable(info) }); err != nil {
				return err
			}
			for _, w := range info.Workers {
				if w.State == "absent" {
					return &failedError{"worker " + plain(w.ID) + " is absent"}
				}
			}
			return nil
		}),
	}
}

func clusterTable(info api.ClusterInfo) string {
	state := "settled"
	switch {
	case info.Moving > 0:
		state = fmt.Sprintf("%d tasks are moving", info.Moving)
	case !info.Settled:
		state = "settling"
	}
	leader := info.Leader
	if leader == "" {
		leader = "nobody"
	}
	t := newTable("WORKER", "STATE", "LEADS", "CONNECTORS", "TASKS", "VERSION", "URL")
	for _, w := range info.Workers {
		leads := ""
		if w.ID == info.Leader {
			leads = "leader"
		}
		t.row(w.ID, w.State, leads, strconv.Itoa(w.Connectors), strconv.Itoa(w.Tasks), w.Version, w.URL)
	}
	return fmt.Sprintf("cluster %s, generation %d, %s, led by %s\n\n", plain(info.GroupID), info.Generation, state, plain(leader)) + t.text()
}
