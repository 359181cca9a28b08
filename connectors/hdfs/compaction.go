package hdfs

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"path"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/connectors/hdfs/compact"
	"github.com/sluice-connect/sluice/connectors/hdfs/encode"
)

// tree is a filesystem that can also be looked through and read.
type tree interface {
	filesystem
	// Entries says what is in a folder.
	Entries(ctx context.Context, dir string) ([]entry, error)
}

type entry struct {
	name    string
	folder  bool
	size    int64
	changed time.Time
}

// compactStore lets package compact work on a filesystem.
type compactStore struct{ filesystem }

var _ compact.Store = compactStore{}

func (s compactStore) Create(ctx context.Context, name string, size int64) (io.WriteCloser, error) {
	return s.filesystem.Create(ctx, name, size)
}

func (s compactStore) Open(ctx context.Context, name string) (compact.Source, error) {
	t, ok := s.filesystem.(tree)
	if !ok {
		return nil, errors.ErrUnsupported
	}
	return t.Open(ctx, name)
}

// merges gives the folder in which files of a partition are swapped by the present writer.
func (w *writer) merges(f filesystem) *compact.Folder {
	names := w.set.names
	return &compact.Folder{
		Store: compactStore{f}, Temp: w.place.dir, Opening: path.Base(w.place.dir),
		Journals: path.Join(names.logs, w.partition.Topic, strconv.Itoa(int(w.partition.ID))),
		Merge: func(to io.Writer, files []compact.Source) error {
			sources := make([]encode.Source, len(files))
			for i, f := range files {
				sources[i] = f
			}
			return encode.Merge(to, names.ext, sources...)
		},
	}
}

// recoverMerges finishes what a predecessor was doing to small files.
func (w *writer) recoverMerges(ctx context.Context) error {
	if err := w.merges(w.fs).Recover(ctx); err != nil {
		return failure("finishing merges of small files", err)
	}
	return nil
}

// compactor merges small files of the partitions of a task in the background, with a client of its own: one folder and one
// merge at a time, so that the writers have the network for themselves.
type compactor struct {
	set  *settings
	fs   tree
	log  *slog.Logger
	now  func() time.Time
	done connectors.Counter

	end   context.CancelFunc
	ended chan struct{}

	mu     sync.Mutex
	claims map[connectors.Partition]*claim
	quiet  map[string]struct{} // folders of the last round that had files only
	since  time.Time           // start of the last round without failure
}

// claim is a partition whose writer is open.
type claim struct {
	connectors.Writer
	c       *compactor
	w       *writer
	folder  *compact.Folder
	durable atomic.Int64 // offset behind what is durable
	ctx     context.Context
	cancel  context.CancelFunc
	busy    sync.Mutex // held during a swap
}

// acked sees what the writer reports as durable.
type acked struct {
	connectors.Ack
	durable *atomic.Int64
}

func (a acked) Durable(next int64) {
	a.durable.Store(max(a.durable.Load(), next))
	a.Ack.Durable(next)
}

func newCompactor(set *settings, f tree, log *slog.Logger, now func() time.Time, done connectors.Counter) *compactor {
	ctx, end := context.WithCancel(context.Background())
	c := &compactor{
		set: set, fs: f, log: log, now: now, done: done, end: end, ended: make(chan struct{}),
		claims: map[connectors.Partition]*claim{}, quiet: map[string]struct{}{},
	}
	go func() {
		defer close(c.ended)
		defer c.fs.Reset()
		for sleep(ctx, set.compaction.every) == nil {
			c.round(ctx)
		}
	}()
	return c
}

// stop waits until nothing is merged any more.
func (c *compactor) stop() {
	c.end()
	<-c.ended
}

// watch takes charge of the files of a writer's partition until the writer is closed.
func (c *compactor) watch(w *writer, cl *claim) connectors.Writer {
	cl.Writer, cl.c, cl.w, cl.folder = w, c, w, w.merges(c.fs)
	cl.durable.Store(max(cl.durable.Load(), w.resume))
	cl.ctx, cl.cancel = context.WithCancel(context.Background())
	c.mu.Lock()
	defer c.mu.Unlock()
	c.claims[w.partition] = cl
	clear(c.quiet) // another partition may have files there
	c.since = time.Time{}
	return cl
}

// Close ends what is being merged, and then the writer.
func (cl *claim) Close(ctx context.Context) error {
	cl.c.mu.Lock()
	delete(cl.c.claims, cl.w.partition)
	cl.c.mu.Unlock()
	cl.cancel()
	cl.busy.Lock() // a swap under way sees the end of its context
	defer cl.busy.Unlock()
	return cl.Writer.Close(ctx)
}

// round looks at all folders of the topics once.
func (c *compactor) round(ctx context.Context) {
	began := c.now()
	topics := map[string][]*claim{}
	c.mu.Lock()
	for p, cl := range c.claims {
		dir := path.Join(cl.w.set.names.topics, p.Topic)
		topics[dir] = append(topics[dir], cl)
	}
	since := c.since
	c.mu.Unlock()
	var err error
	for dir, claims := range topics {
		err = errors.Join(err, c.walk(ctx, dir, claims, since))
	}
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		c.log.Warn("small files could not be merged; it is tried again", "after", c.set.compaction.every, "error", err)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !since.Equal(c.since) { // a partition came in between
		return
	}
	c.since = began
}

// mostQuiet bounds what is remembered of folders.
const mostQuiet = 100_000

func (c *compactor) walk(ctx context.Context, dir string, claims []*claim, since time.Time) error {
	entries, err := c.fs.Entries(ctx, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		c.fs.Reset()
		return failure("looking for small files in "+dir, err)
	}
	leaf := true
	var failed error
	for _, e := range entries {
		if !e.folder {
			continue
		}
		leaf = false
		name := path.Join(dir, e.name)
		// All that lies there had its age in the last round already.
		if c.wasQuiet(name) && e.changed.Before(since.Add(-c.set.compaction.After)) {
			continue
		}
		failed = errors.Join(failed, c.walk(ctx, name, claims, since))
	}
	for _, cl := range claims {
		if err := cl.compact(ctx, dir, entries); err != nil {
			failed = errors.Join(failed, err)
		}
	}
	if leaf && failed == nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		if len(c.quiet) < mostQuiet {
			c.quiet[dir] = struct{}{}
		}
	}
	return failed
}

func (c *compactor) wasQuiet(dir string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, ok := c.quiet[dir]
	return ok
}

// compact merges the files of one partition in one folder.
func (cl *claim) compact(ctx context.Context, dir string, entries []entry) error {
	n, p := cl.w.set.names, cl.w.partition
	var files []compact.File
	for _, e := range entries {
		first, last, ok := n.parseFile(p, e.name)
		if !ok || e.folder || last >= cl.durable.Load() {
			continue
		}
		files = append(files, compact.File{Name: e.name, Ext: n.extension(p, e.name), First: first, Last: last, Size: e.size, Changed: e.changed})
	}
	for _, g := range compact.Plan(files, cl.c.set.compaction.Options, cl.c.now()) {
		if g[0].Ext != n.ext { // of an earlier format
			continue
		}
		if err := cl.swap(ctx, dir, g); err != nil {
			return err
		}
	}
	return nil
}

func (cl *claim) swap(ctx context.Context, dir string, g []compact.File) error {
	cl.busy.Lock()
	err := cl.swapOnce(ctx, dir, g)
	cl.busy.Unlock()
	switch {
	case err == nil:
		cl.c.done.Add(int64(len(g)))
		cl.c.log.Debug("small files were merged", "partition", cl.w.partition, "folder", dir, "files", len(g))
		return nil
	case cl.ctx.Err() != nil || ctx.Err() != nil:
		return nil //nolint:nilerr // it was told to stop; the next writer recovers
	case errors.Is(err, encode.ErrDifferent):
		for _, half := range [][]compact.File{g[:len(g)/2], g[len(g)/2:]} {
			if len(half) < 2 {
				continue
			}
			if err := cl.swap(ctx, dir, half); err != nil {
				return err
			}
		}
		return nil
	default:
		return failure("merging small files in "+dir, err)
	}
}

func (cl *claim) swapOnce(ctx context.Context, dir string, g []compact.File) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(cl.ctx, cancel)()
	if err := cl.ctx.Err(); err != nil {
		return err
	}
	if err := cl.folder.Recover(ctx); err != nil {
		cl.c.fs.Reset()
		return err
	}
	err := cl.folder.Swap(ctx, dir, g, cl.w.set.names.base(cl.w.partition, g[0].First, g[len(g)-1].Last))
	if err != nil {
		cl.c.fs.Reset() // a client with a broken file would keep its lease
	}
	return err
}

// extension is what follows the offsets in the name of a committed file.
func (n naming) extension(p connectors.Partition, name string) string {
	rest := strings.TrimPrefix(name, p.Topic+n.delim+strconv.Itoa(int(p.ID))+n.delim)
	if dot := strings.IndexByte(rest, '.'); dot >= 0 {
		return rest[dot:]
	}
	return ""
}
