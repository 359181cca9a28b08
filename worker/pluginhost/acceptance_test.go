package pluginhost_test

import (
	"context"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/connectors/connectortest"
	"github.com/sluice-connect/sluice/connectors/connectortest/shipped"
	"github.com/sluice-connect/sluice/connectors/elasticsearch"
	"github.com/sluice-connect/sluice/connectors/file"
	"github.com/sluice-connect/sluice/connectors/hdfs"
	"github.com/sluice-connect/sluice/worker/pluginhost"
)

// The sinks pass the acceptance suite through the whole way of a worker: binary, process, socket, wire.
func TestAcceptance(t *testing.T) {
	host := hostOf(t, "file", "hdfs", "elasticsearch")
	t.Run("file", func(t *testing.T) {
		connectortest.Run(t, connectortest.Subject{
			Sink: newRemoteSink(t, host, file.New()), Guarantee: connectortest.AtLeastOnce, Ordered: true,
			Null: connectortest.Stored, Empty: connectortest.Stored,
			Target: func(tb testing.TB, _ connectors.Payload) connectortest.Target {
				tb.Helper()
				return shipped.File(tb)
			},
			Garbage: garbageRounds,
		})
	})
	for name, mode := range shipped.HDFSModes() {
		t.Run("hdfs/"+name, func(t *testing.T) {
			connectortest.Run(t, hdfsSubject(newRemoteSink(t, host, hdfs.New()), func(tb testing.TB, values connectors.Payload) connectortest.Target {
				tb.Helper()
				return shipped.Folder(tb, values, mode)
			}))
		})
	}
	t.Run("description", func(t *testing.T) {
		for _, library := range []connectors.Sink{file.New(), hdfs.New(), elasticsearch.New()} {
			sameDescription(t, newRemoteSink(t, host, library))
		}
	})
}

// hdfsSubject is the HDFS sink at targets of some kind.
func hdfsSubject(s connectors.Sink, target func(testing.TB, connectors.Payload) connectortest.Target) connectortest.Subject {
	return connectortest.Subject{
		Sink: s, Guarantee: connectortest.ExactlyOnce, Ordered: true,
		Null: connectortest.Rejected, Empty: connectortest.Stored,
		Target: target,
		Away: func(tb testing.TB) map[string]string {
			tb.Helper()
			return map[string]string{"store.url": "hdfs://" + shipped.Silent(tb), "flush.size": "10"}
		},
		Garbage: garbageRounds,
	}
}

// sameDescription compares what a plugin says of itself with the library that it was made of.
func sameDescription(t *testing.T, s *remoteSink) {
	t.Helper()
	spec := s.Spec()
	want := pluginhost.Plugin{}.Description
	want.Name, want.Version, want.Summary, want.Classes = spec.Name, spec.Version, spec.Summary, spec.Classes
	want.Config, want.Values, want.Keys = spec.Config.Keys(), append([]connectors.Payload{}, spec.Values...), append([]connectors.Payload{}, spec.Keys...)
	_, want.Probes = s.Sink.(connectors.Prober)
	if diff := cmp.Diff(want, s.plugin.Description); diff != "" {
		t.Errorf("plugin %s (-library +plugin):\n%s", spec.Name, diff)
	}
	wrong := map[string]string{}
	for _, k := range spec.Config.Keys() {
		wrong[k.Name] = "\n"
	}
	values, err := s.host.Validate(t.Context(), s.plugin, wrong, false)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(spec.Config.Validate(wrong), values); diff != "" {
		t.Errorf("validation by plugin %s (-library +plugin):\n%s", spec.Name, diff)
	}
}

// hostOf builds plugins of this module and gives a host that knows them.
func hostOf(t *testing.T, names ...string) *pluginhost.Host {
	t.Helper()
	dir := t.TempDir()
	args := []string{"build", "-o", dir + string(filepath.Separator)}
	for _, name := range names {
		args = append(args, "github.com/sluice-connect/sluice/plugins/"+name)
	}
	if out, err := exec.CommandContext(t.Context(), "go", args...).CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	host, err := pluginhost.New(pluginhost.Config{Paths: []string{dir}, RunDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := host.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if err := host.Rescan(t.Context()); err != nil {
		t.Fatal(err)
	}
	if bad := host.Rejected(); len(bad) > 0 {
		t.Fatalf("plugins are not accepted: %v", bad)
	}
	return host
}
