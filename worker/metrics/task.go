package metrics

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

var taskLabels = []string{"connector", "task"} // constant

func taskDesc(group, name, help string) *prometheus.Desc {
	return prometheus.NewDesc("kafka_connect_"+group+"_"+name, help, taskLabels, nil)
}

// The descriptions are constant.
var (
	descRead            = taskDesc("sink_task_metrics", "sink_record_read_total", "Records read from Kafka.")
	descSent            = taskDesc("sink_task_metrics", "sink_record_send_total", "Records handed to the sink.")
	descActive          = taskDesc("sink_task_metrics", "sink_record_active_count", "Records read whose offsets are not committed yet.")
	descPartitions      = taskDesc("sink_task_metrics", "partition_count", "Partitions assigned to the task.")
	descLag             = taskDesc("sink_task_metrics", "sink_record_lag_max", "Records by which the furthest partition is behind its end.")
	descCommitSeq       = taskDesc("sink_task_metrics", "offset_commit_seq_no", "Number of the last offset commit.")
	descCommits         = taskDesc("sink_task_metrics", "offset_commit_completion_total", "Offset commits that succeeded.")
	descCommitsSkipped  = taskDesc("sink_task_metrics", "offset_commit_skip_total", "Offset commits whose answer came too late.")
	descPutAvg          = taskDesc("sink_task_metrics", "put_batch_avg_time_ms", "Average time until the sink has taken a batch, in ms.")
	descPutMax          = taskDesc("sink_task_metrics", "put_batch_max_time_ms", "Longest time until the sink has taken a batch, in ms.")
	descBatchAvg        = taskDesc("connector_task_metrics", "batch_size_avg", "Average number of records in a batch.")
	descBatchMax        = taskDesc("connector_task_metrics", "batch_size_max", "Largest number of records in a batch.")
	descCommitAvg       = taskDesc("connector_task_metrics", "offset_commit_avg_time_ms", "Average time of an offset commit, in ms.")
	descCommitMax       = taskDesc("connector_task_metrics", "offset_commit_max_time_ms", "Longest time of an offset commit, in ms.")
	descCommitSuccess   = taskDesc("connector_task_metrics", "offset_commit_success_percentage", "Share of offset commits that succeeded, 0 to 1.")
	descCommitFailure   = taskDesc("connector_task_metrics", "offset_commit_failure_percentage", "Share of offset commits that failed, 0 to 1.")
	descRunning         = taskDesc("connector_task_metrics", "running_ratio", "Share of its time that the task was not paused.")
	descPaused          = taskDesc("connector_task_metrics", "pause_ratio", "Share of its time that the task was paused.")
	descRecordErrors    = taskDesc("task_error_metrics", "total_record_errors", "Operations on records with an error in the end.")
	descRecordFailures  = taskDesc("task_error_metrics", "total_record_failures", "Operations on records that failed, each try counted.")
	descRecordsSkipped  = taskDesc("task_error_metrics", "total_records_skipped", "Records skipped because of errors.")
	descRetries         = taskDesc("task_error_metrics", "total_retries", "Operations tried again.")
	descErrorsLogged    = taskDesc("task_error_metrics", "total_errors_logged", "Errors logged.")
	descDLQRequests     = taskDesc("task_error_metrics", "deadletterqueue_produce_requests", "Records written to the dead letter queue.")
	descDLQFailures     = taskDesc("task_error_metrics", "deadletterqueue_produce_failures", "Records that could not be written to the dead letter queue.")
	descLastError       = taskDesc("task_error_metrics", "last_error_timestamp", "When the last error happened, in ms since 1970; 0 for never.")
	descInFlight        = prometheus.NewDesc("sluice_task_in_flight_bytes", "Bytes of batches that the sink has not taken yet.", taskLabels, nil)
	descPausedPartition = prometheus.NewDesc("sluice_task_held_partitions", "Partitions held back because the sink is behind with them.", taskLabels, nil)
)

// Task is what one task measures. All methods are safe for use by several goroutines.
type Task struct {
	registry *Registry
	key      taskKey
	now      func() time.Time

	read, sent, active, partitions, lag atomic.Int64
	inFlight, held                      atomic.Int64
	commitSeq, commits, commitsFailed   atomic.Int64
	commitsSkipped                      atomic.Int64
	recordErrors, recordFailures        atomic.Int64
	recordsSkipped, retries             atomic.Int64
	errorsLogged                        atomic.Int64
	dlqRequests, dlqFailures            atomic.Int64
	lastError                           atomic.Int64

	batch, put, commit window

	mu           sync.Mutex
	began        time.Time
	pausedSince  time.Time // zero: not paused
	pausedBefore time.Duration
	plugin       map[string]int64
}

func newTask(r *Registry, key taskKey) *Task {
	t := &Task{registry: r, key: key, now: time.Now, began: time.Now(), plugin: map[string]int64{}}
	t.batch.now, t.put.now, t.commit.now = time.Now, time.Now, time.Now
	return t
}

// Close ends the metrics of the task: they are no longer shown.
func (t *Task) Close() { t.registry.remove(t) }

// Read counts records read from Kafka.
func (t *Task) Read(records int) { t.read.Add(int64(records)) }

// Sent counts a batch handed to the sink.
func (t *Task) Sent(records int) {
	t.sent.Add(int64(records))
	t.batch.add(float64(records))
}

// Taken records how long the sink took to take a batch.
func (t *Task) Taken(after time.Duration) { t.put.add(millis(after)) }

// Assigned sets the number of partitions.
func (t *Task) Assigned(partitions int) { t.partitions.Store(int64(partitions)) }

// Flow sets the records that are read and not committed, the bytes that the sink has not taken, and the partitions held
// back.
func (t *Task) Flow(active, inFlight int64, held int) {
	t.active.Store(active)
	t.inFlight.Store(inFlight)
	t.held.Store(int64(held))
}

// Lag sets the largest distance of a partition to its end, in records.
func (t *Task) Lag(records int64) { t.lag.Store(records) }

// CommitStarted counts an offset commit.
func (t *Task) CommitStarted() { t.commitSeq.Add(1) }

// CommitDone records the outcome of an offset commit.
func (t *Task) CommitDone(took time.Duration, err error) {
	if err != nil {
		t.commitsFailed.Add(1)
		return
	}
	t.commits.Add(1)
	t.commit.add(millis(took))
}

// CommitLate counts an offset commit that was given up before its answer came.
func (t *Task) CommitLate() { t.commitsSkipped.Add(1) }

// Failed counts a record that could not be processed.
func (t *Task) Failed() {
	t.recordErrors.Add(1)
	t.recordFailures.Add(1)
	t.lastError.Store(t.now().UnixMilli())
}

// Skipped counts that such a record was passed over.
func (t *Task) Skipped() { t.recordsSkipped.Add(1) }

// Retried counts an operation tried again.
func (t *Task) Retried() { t.retries.Add(1) }

// Logged counts an error written to the log.
func (t *Task) Logged() { t.errorsLogged.Add(1) }

// DeadLetter counts a record sent to the dead letter queue.
func (t *Task) DeadLetter() { t.dlqRequests.Add(1) }

// DeadLetterFailed counts one that could not be written.
func (t *Task) DeadLetterFailed() { t.dlqFailures.Add(1) }

// SetPaused says whether the task is paused.
func (t *Task) SetPaused(paused bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch now := t.now(); {
	case paused && t.pausedSince.IsZero():
		t.pausedSince = now
	case !paused && !t.pausedSince.IsZero():
		t.pausedBefore += now.Sub(t.pausedSince)
		t.pausedSince = time.Time{}
	}
}

func (t *Task) pauseRatio() float64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	paused := t.pausedBefore
	if !t.pausedSince.IsZero() {
		paused += now.Sub(t.pausedSince)
	}
	if all := now.Sub(t.began); all > 0 {
		return float64(paused) / float64(all)
	}
	return 0
}

func (t *Task) collect(ch chan<- prometheus.Metric) {
	labels := t.key.labels()
	counter := func(d *prometheus.Desc, v *atomic.Int64) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v.Load()), labels...)
	}
	gauge := func(d *prometheus.Desc, v float64) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter(descRead, &t.read)
	counter(descSent, &t.sent)
	counter(descCommits, &t.commits)
	counter(descCommitsSkipped, &t.commitsSkipped)
	counter(descRecordErrors, &t.recordErrors)
	counter(descRecordFailures, &t.recordFailures)
	counter(descRecordsSkipped, &t.recordsSkipped)
	counter(descRetries, &t.retries)
	counter(descErrorsLogged, &t.errorsLogged)
	counter(descDLQRequests, &t.dlqRequests)
	counter(descDLQFailures, &t.dlqFailures)
	gauge(descActive, float64(t.active.Load()))
	gauge(descPartitions, float64(t.partitions.Load()))
	gauge(descLag, float64(t.lag.Load()))
	gauge(descCommitSeq, float64(t.commitSeq.Load()))
	gauge(descLastError, float64(t.lastError.Load()))
	gauge(descInFlight, float64(t.inFlight.Load()))
	gauge(descPausedPartition, float64(t.held.Load()))
	for _, w := range [...]struct {
		w        *window
		avg, max *prometheus.Desc
	}{{&t.put, descPutAvg, descPutMax}, {&t.batch, descBatchAvg, descBatchMax}, {&t.commit, descCommitAvg, descCommitMax}} {
		avg, highest := w.w.read()
		gauge(w.avg, avg)
		gauge(w.max, highest)
	}
	if done, failed := float64(t.commits.Load()), float64(t.commitsFailed.Load()); done+failed > 0 {
		gauge(descCommitSuccess, done/(done+failed))
		gauge(descCommitFailure, failed/(done+failed))
	}
	paused := t.pauseRatio()
	gauge(descPaused, paused)
	gauge(descRunning, 1-paused)
	t.collectPlugin(ch, labels)
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
