package connectortest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/sluice-connect/sluice/connectors"
)

// fault is one way in which a sink can be broken.
type fault string

const (
	healthy           fault = "healthy"
	acknowledgesEarly fault = "acknowledges early"
	goesBack          fault = "durable goes back"
	goesBeyond        fault = "durable goes beyond"
	countsOffsets     fault = "takes offsets for a count"
	emptyFlush        fault = "flush does nothing"
	losesLast         fault = "loses a record on flush"
	duplicates        fault = "stores a record twice"
	reorders          fault = "stores in the wrong order"
	retainsMemory     fault = "looks at a batch after Write"
	losesHeaders      fault = "loses records with headers"
	truncates         fault = "truncates large values"
	swallowsNull      fault = "swallows null values"
	swallowsEmpty     fault = "swallows empty values"
	rejectsBadly      fault = "rejects with another code"
	rejectsGood       fault = "rejects a good record"
	resumesTooFar     fault = "resumes too far"
	forgets           fault = "forgets what it has stored"
	sharesProgress    fault = "shares progress between partitions"
	losesOnCrash      fault = "keeps durable records in memory"
	unfenced          fault = "lets a predecessor commit"
	waitsForEver      fault = "waits for ever"
	leaksGoroutine    fault = "leaves a goroutine"
	undocumented      fault = "has a key without documentation"
	secretDefault     fault = "has a password with a default"
	invalidDefault    fault = "has a default that is not valid"
	badVersion        fault = "has a version that is none"
	panicsOnGarbage   fault = "panics on garbage"
	namesNoKey        fault = "complains about no key"
	refusesValid      fault = "refuses the configuration"
)

var (
	storeKey = connectors.String("store", "Name of the store.", connectors.Required())
	limitKey = connectors.Int("limit", "Records to hold.", connectors.Default("30"), connectors.AtLeast(1))
	awayKey  = connectors.Bool("away", "Whether the store is away.", connectors.Default("false"))
)

// memory is a sink that stores in memory: exactly once, unless it is broken.
type memorySink struct {
	fault   fault
	stores  map[string]*store
	release <-chan struct{} // ends what waits for ever
}

// store is what stays when a sink is gone.
type store struct {
	mu     sync.Mutex
	values [][]byte
	next   map[connectors.Partition]int64
	epoch  map[connectors.Partition]int
}

func newStore() *store {
	return &store{next: map[connectors.Partition]int64{}, epoch: map[connectors.Partition]int{}}
}

func (s *store) read(context.Context) ([][]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.values), nil
}

func (s *memorySink) Spec() connectors.Spec {
	spec := connectors.Spec{
		Name: "memory", Version: "1.0.0", Summary: "Stores records in memory.",
		Classes: []connectors.Class{{Name: "org.example.MemorySink", Task: "org.example.MemoryTask"}},
	}
	keys := []connectors.AnyKey{storeKey, limitKey, awayKey}
	switch s.fault {
	case undocumented:
		keys = append(keys, connectors.String("more", " "))
	case secretDefault:
		keys = append(keys, connectors.Secret("secret", "A secret.", connectors.Default("changeit")))
	case invalidDefault:
		keys = append(keys, connectors.Int("much", "A number.", connectors.Default("1"), connectors.AtLeast(2)))
	case badVersion:
		spec.Version = "v1"
	default:
	}
	spec.Config = connectors.Define(keys...)
	return spec
}

func (s *memorySink) Validate(_ context.Context, cfg connectors.Config) []connectors.ConfigError {
	switch name := storeKey.Get(cfg); {
	case s.fault == panicsOnGarbage && strings.Contains(name, "%"):
		panic("index out of range")
	case s.fault == namesNoKey && strings.Contains(name, "%"):
		return []connectors.ConfigError{{Message: "something is wrong"}}
	case s.fault == refusesValid:
		return []connectors.ConfigError{{Key: storeKey.Name(), Message: "no such store"}}
	}
	return nil
}

func (s *memorySink) Start(_ context.Context, cfg connectors.Config, _ connectors.Runtime) (connectors.Task, error) {
	if s.fault == leaksGoroutine {
		go func() { <-s.release }()
	}
	return &memoryTask{sink: s, store: s.stores[storeKey.Get(cfg)], limit: limitKey.Get(cfg), away: awayKey.Get(cfg)}, nil
}

type memoryTask struct {
	sink  *memorySink
	store *store
	limit int
	away  bool
}

func (t *memoryTask) Stop(context.Context) error { return nil }

func (t *memoryTask) Open(ctx context.Context, p connectors.Partition, committed int64, ack connectors.Ack) (connectors.Writer, error) {
	if t.away {
		done := ctx.Done()
		if t.sink.fault == waitsForEver {
			done = nil
		}
		select {
		case <-done:
			return nil, ctx.Err()
		case <-t.sink.release:
			return nil, errors.New("released")
		}
	}
	s := t.store
	s.mu.Lock()
	defer s.mu.Unlock()
	s.epoch[p]++
	w := &memoryWriter{task: t, p: p, ack: ack, epoch: s.epoch[p], resume: committed, at: p}
	if t.sink.fault == sharesProgress {
		w.at = connectors.Partition{Topic: p.Topic}
	}
	if next, known := s.next[w.at]; known && t.sink.fault != forgets {
		w.resume = max(committed, next)
		if t.sink.fault == resumesTooFar {
			w.resume += 3
		}
	}
	return w, nil
}

type memoryWriter struct {
	task   *memoryTask
	p, at  connectors.Partition
	ack    connectors.Ack
	epoch  int
	resume int64
	held   [][]byte
	kept   [][]byte // for the fault losesOnCrash
	next   int64
	count  int64
}

func (w *memoryWriter) Resume() int64 { return w.resume }

func (w *memoryWriter) Write(ctx context.Context, b *connectors.Batch) error {
	f := w.task.sink.fault
	if ctx.Err() != nil && f == waitsForEver {
		<-w.task.sink.release
	}
	for i, r := range b.All() {
		w.take(f, b, i, r)
		w.next = r.Offset + 1
		w.count++
	}
	if f == acknowledgesEarly {
		w.ack.Durable(w.next)
	}
	if len(w.held) >= w.task.limit {
		return w.commit()
	}
	return nil
}

func (w *memoryWriter) take(f fault, b *connectors.Batch, i int, r connectors.Record) {
	marked := false
	for range b.Headers(i) {
		marked = true
	}
	value := slices.Clone(r.Value)
	if r.Value != nil && value == nil {
		value = []byte{}
	}
	switch {
	case r.Value == nil:
		if f == rejectsBadly {
			w.ack.Reject(r.Offset, errors.New("null"))
		} else if f != swallowsNull {
			w.ack.Reject(r.Offset, connectors.BadRecord(w.p, r.Offset, errors.New("null")))
		}
		return
	case len(value) == 0 && f == swallowsEmpty, marked && f == losesHeaders:
		return
	case f == rejectsGood && r.Offset == 33:
		w.ack.Reject(r.Offset, connectors.BadRecord(w.p, r.Offset, errors.New("unlucky")))
		return
	case f == truncates && len(value) > 1<<20:
		value = value[:1<<20]
	case f == retainsMemory:
		value = r.Value
	case f == duplicates && r.Offset == 33:
		w.held = append(w.held, value)
	}
	w.held = append(w.held, value)
}

func (w *memoryWriter) commit() error {
	f, s := w.task.sink.fault, w.task.store
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.epoch[w.p] != w.epoch && f != unfenced {
		return connectors.Retriable("storing", fmt.Errorf("partition %s was opened elsewhere", w.p), "")
	}
	switch f {
	case losesLast:
		w.held = w.held[:max(len(w.held)-1, 0)]
	case reorders:
		slices.Reverse(w.held)
	case losesOnCrash:
		w.kept, w.held = append(w.kept, w.held...), nil
	default:
	}
	s.values = append(s.values, w.held...)
	s.next[w.at], w.held = w.next, nil
	durable := w.next
	switch f {
	case goesBeyond:
		durable++
	case countsOffsets:
		durable = w.count
	case goesBack:
		w.ack.Durable(durable)
		durable--
	default:
	}
	w.ack.Durable(durable)
	return nil
}

func (w *memoryWriter) Flush(context.Context) error {
	if w.task.sink.fault == emptyFlush || w.next == 0 {
		return nil
	}
	return w.commit()
}

func (w *memoryWriter) Close(context.Context) error {
	s := w.task.store
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.epoch[w.p] == w.epoch {
		s.values = append(s.values, w.kept...)
	}
	return nil
}
