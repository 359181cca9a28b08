package metrics

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func scrape(t *testing.T, r *Registry) map[string]string {
	t.Helper()
	rec := httptest.NewRecorder()
	r.Handler().ServeHTTP(rec, httptest.NewRequest("GET", "/metrics", nil))
	if rec.Code != 200 {
		t.Fatalf("status %d: %s", rec.Code, rec.Body)
	}
	values := map[string]string{}
	for line := range strings.Lines(rec.Body.String()) {
		if i := strings.LastIndexByte(strings.TrimSpace(line), ' '); i > 0 && line[0] != '#' {
			values[line[:i]] = strings.TrimSpace(line[i+1:])
		}
	}
	return values
}

func TestTaskMetrics(t *testing.T) {
	r := New()
	a, b := r.Task("pages", 0), r.Task("pages", 1)
	a.Read(10)
	a.Sent(4)
	a.Sent(6)
	a.Taken(3 * time.Millisecond)
	a.Assigned(3)
	a.Lag(7)
	a.Flow(5, 1000, 1)
	a.CommitStarted()
	a.CommitDone(2*time.Millisecond, nil)
	a.CommitDone(0, errors.New("no"))
	a.CommitLate()
	a.Failed()
	b.Read(1)
	got := scrape(t, r)
	for series, want := range map[string]string{
		`sink_task_metrics_sink_record_read_total{connector="pages",task="0"}`:                "10",
		`sink_task_metrics_sink_record_read_total{connector="pages",task="1"}`:                "1",
		`sink_task_metrics_sink_record_send_total{connector="pages",task="0"}`:                "10",
		`sink_task_metrics_sink_record_active_count{connector="pages",task="0"}`:              "5",
		`sink_task_metrics_sink_record_lag_max{connector="pages",task="0"}`:                   "7",
		`sink_task_metrics_partition_count{connector="pages",task="0"}`:                       "3",
		`sink_task_metrics_put_batch_max_time_ms{connector="pages",task="0"}`:                 "3",
		`sink_task_metrics_offset_commit_completion_total{connector="pages",task="0"}`:        "1",
		`sink_task_metrics_offset_commit_skip_total{connector="pages",task="0"}`:              "1",
		`connector_task_metrics_batch_size_avg{connector="pages",task="0"}`:                   "5",
		`connector_task_metrics_batch_size_max{connector="pages",task="0"}`:                   "6",
		`connector_task_metrics_offset_commit_success_percentage{connector="pages",task="0"}`: "0.5",
		`task_error_metrics_total_record_failures{connector="pages",task="0"}`:                "1",
	} {
		if got["kafka_connect_"+series] != want {
			t.Errorf("%s = %q, wanted %s", series, got["kafka_connect_"+series], want)
		}
	}
	a.Close()
	b2 := r.Task("pages", 1) // the next run of the task
	b.Close()                // the end of the run before does not take it away
	got = scrape(t, r)
	if _, ok := got[`kafka_connect_sink_task_metrics_sink_record_read_total{connector="pages",task="0"}`]; ok {
		t.Error("metrics of an ended task are shown")
	}
	if v := got[`kafka_connect_sink_task_metrics_sink_record_read_total{connector="pages",task="1"}`]; v != "0" {
		t.Errorf("next run begins with %q", v)
	}
	b2.Close()
}

func TestPluginMetricsCannotBreakAScrape(t *testing.T) {
	r := New()
	a, b := r.Task("a", 0), r.Task("b", 0)
	a.SetPlugin([]PluginMetric{
		{Name: "files_total", Help: "Files.", Counter: true, Value: 3},
		{Name: "open", Help: "bad \xff help " + strings.Repeat("x", 1000), Value: -2},
		{Name: "bad name", Value: 1},
		{Name: "", Value: 1},
		{Name: strings.Repeat("n", 101), Value: 1},
	})
	b.SetPlugin([]PluginMetric{
		{Name: "files_total", Help: "Other help.", Counter: true, Value: 5},
		{Name: "open", Help: "now a counter", Counter: true, Value: 9},
	})
	for i := range 500 {
		b.SetPlugin([]PluginMetric{{Name: fmt.Sprintf("flood_%d", i), Value: 1}})
	}
	got := scrape(t, r)
	for series, want := range map[string]string{
		`files_total{connector="a",task="0"}`: "3",
		`files_total{connector="b",task="0"}`: "5",
		`open{connector="a",task="0"}`:        "-2",
		`open{connector="b",task="0"}`:        "",
	} {
		if got["sluice_plugin_"+series] != want {
			t.Errorf("%s = %q, wanted %q", series, got["sluice_plugin_"+series], want)
		}
	}
	shown := 0
	for series := range got {
		if strings.HasPrefix(series, "sluice_plugin_") {
			shown++
		}
	}
	if shown != maxPluginMetrics+2 {
		t.Errorf("%d plugin metrics shown", shown)
	}
}

func TestWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := window{now: time.Now}
		w.add(10)
		time.Sleep(windowStep)
		w.add(2)
		if avg, highest := w.read(); avg != 6 || highest != 10 {
			t.Errorf("over two steps: %v, %v", avg, highest)
		}
		time.Sleep(windowStep)
		if avg, highest := w.read(); avg != 2 || highest != 2 {
			t.Errorf("one step later: %v, %v", avg, highest)
		}
		time.Sleep(time.Hour)
		if avg, highest := w.read(); avg != 0 || highest != 0 {
			t.Errorf("after a pause: %v, %v", avg, highest)
		}
	})
}

func TestPauseRatio(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		task := newTask(&Registry{}, taskKey{"c", 0})
		time.Sleep(time.Minute)
		task.SetPaused(true)
		task.SetPaused(true)
		time.Sleep(time.Minute)
		if got := task.pauseRatio(); got != 0.5 {
			t.Errorf("half of the time paused: %v", got)
		}
		task.SetPaused(false)
		time.Sleep(2 * time.Minute)
		if got := task.pauseRatio(); got != 0.25 {
			t.Errorf("a quarter of the time paused: %v", got)
		}
	})
}

func TestWorkerMetrics(t *testing.T) {
	r := New()
	w := r.Worker()
	w.SetCounts(2, 5)
	w.ConnectorStarted(nil)
	w.TaskStarted(errors.New("no"))
	w.TaskStarted(nil)
	w.SetTaskStates("pages", map[string]int{"running": 2, "failed": 1})
	w.SetCluster("worker1:8083", true)
	w.RebalanceDone(7, 5*time.Millisecond)
	got := scrape(t, r)
	for series, want := range map[string]string{
		`metrics_connector_count`:                                                        "2",
		`metrics_task_count`:                                                             "5",
		`metrics_connector_startup_success_total`:                                        "1",
		`metrics_task_startup_attempts_total`:                                            "2",
		`metrics_task_startup_failure_total`:                                             "1",
		`metrics_connector_running_task_count{connector="pages"}`:                        "2",
		`metrics_connector_total_task_count{connector="pages"}`:                          "3",
		`rebalance_metrics_completed_rebalances_total`:                                   "1",
		`rebalance_metrics_epoch`:                                                        "7",
		`rebalance_metrics_rebalance_max_time_ms`:                                        "5",
		`rebalance_metrics_rebalancing`:                                                  "1",
		`rebalance_metrics_leader_name{connect_protocol="sluice",leader="worker1:8083"}`: "1",
	} {
		if got["kafka_connect_connect_worker_"+series] != want {
			t.Errorf("%s = %q, wanted %s", series, got["kafka_connect_connect_worker_"+series], want)
		}
	}
	w.SetTaskStates("pages", nil)
	if _, ok := scrape(t, r)[`kafka_connect_connect_worker_metrics_connector_total_task_count{connector="pages"}`]; ok {
		t.Error("forgotten connector is shown")
	}
}
