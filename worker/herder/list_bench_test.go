package herder_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/sluice-connect/sluice/api"
	"github.com/sluice-connect/sluice/worker/store"
)

// BenchmarkList lists a thousand connectors of three tasks each with all that is known of them: the request that pages for
// operators send every few seconds.
func BenchmarkList(b *testing.B) {
	s := newSite(b)
	w, err := startWorker(s.props(), slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.close(w) })
	s.settled(w)
	w.stop() // nothing is to run: what is listed is written by hand
	<-w.done
	const connectors, tasks = 1000, 3
	var writers errgroup.Group
	writers.SetLimit(32)
	for i := range connectors {
		writers.Go(func() error {
			name := fmt.Sprintf("connector-%04d", i)
			cfg := book{dir: "/data/diaries"}.connector("days", "name", name, "tasks.max", "3", "password", "secret")
			for _, key := range []string{"flush.size", "rotate.interval.ms", "connection.url", "store.url", "logs.dir"} {
				cfg[key] = "a value of usual length"
			}
			w.statuses.PutConnector(store.ConnectorStatus{Name: name, State: "RUNNING", WorkerID: "127.0.0.1:8083", Version: "1.0.0"})
			for n := range tasks {
				w.statuses.PutTask(store.TaskStatus{Connector: name, Task: n, State: "RUNNING", WorkerID: "127.0.0.1:8083", Version: "1.0.0"})
			}
			if err := w.configs.PutConnector(b.Context(), name, cfg, nil); err != nil {
				return err
			}
			return w.configs.PutTasks(b.Context(), name, []map[string]string{cfg, cfg, cfg})
		})
	}
	if err := writers.Wait(); err != nil {
		b.Fatal(err)
	}
	if err := w.statuses.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
	rest, err := api.New(w.Herder, api.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	for _, query := range []string{"", "?expand=status", "?expand=info", "?expand=status&expand=info"} {
		b.Run("connectors"+query, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRecorder()
				rest.ServeHTTP(r, httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/connectors"+query, nil))
				if r.Code != http.StatusOK || r.Body.Len() < connectors*len(`"connector-0000",`) {
					b.Fatalf("answered %d with %d bytes", r.Code, r.Body.Len())
				}
				b.SetBytes(int64(r.Body.Len()))
			}
		})
	}
	var listed map[string]struct {
		Status api.ConnectorStatus
		Info   api.ConnectorInfo
	}
	r := httptest.NewRecorder()
	rest.ServeHTTP(r, httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/connectors?expand=status&expand=info", nil))
	if err := json.Unmarshal(r.Body.Bytes(), &listed); err != nil {
		b.Fatal(err)
	}
	if one := listed["connector-0999"]; len(listed) != connectors || len(one.Status.Tasks) != tasks || len(one.Info.Tasks) != tasks || one.Info.Type != "sink" {
		b.Fatalf("%d connectors, the last of them %+v", len(listed), one)
	}
}
