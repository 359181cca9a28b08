package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-connect/sluice/worker/embedded"
	"github.com/sluice-connect/sluice/worker/embedded/embeddedtest"
	"github.com/sluice-connect/sluice/worker/store"
)

func client(t testing.TB, bootstrap string) *store.Client {
	t.Helper()
	c, err := store.NewClient(map[string]string{"bootstrap.servers": bootstrap}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func within(t testing.TB, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func openConfig(t testing.TB, b *embedded.Broker) *store.ConfigStore {
	t.Helper()
	s, err := store.OpenConfig(within(t, 10*time.Second), store.Options{Client: client(t, b.Bootstrap()), Topic: "connect-configs", ReplicationFactor: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestConfigReadsItsOwnWrites(t *testing.T) {
	b := embeddedtest.Start(t)
	t0 := time.Now()
	s := openConfig(t, b)
	t.Log("open", time.Since(t0))
	ctx := within(t, 10*time.Second)
	for range 5 {
		t0 = time.Now()
		if err := s.PutConnector(ctx, "a", map[string]string{"x": "1"}, nil); err != nil {
			t.Fatal(err)
		}
		t.Log("put", time.Since(t0))
	}
	t0 = time.Now()
	if err := s.PutTasks(ctx, "a", []map[string]string{{"n": "0"}, {"n": "1"}}); err != nil {
		t.Fatal(err)
	}
	t.Log("put tasks", time.Since(t0))
	t0 = time.Now()
	s2 := openConfig(t, b)
	t.Log("open again", time.Since(t0))
	want := map[string]store.ConnectorRecord{"a": {
		Config: map[string]string{"x": "1"}, Tasks: []map[string]string{{"n": "0"}, {"n": "1"}}, Target: store.Started, TasksOf: map[string]string{"x": "1"},
	}}
	for _, s := range []*store.ConfigStore{s, s2} {
		if d := cmp.Diff(want, s.Snapshot().Connectors); d != "" {
			t.Error(d)
		}
	}
}
