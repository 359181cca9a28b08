package hdfs

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"sync"
	"time"

	"github.com/colinmarc/hdfs/v2"

	"github.com/sluice-connect/sluice/connectors/hdfs/compact"
)

// remoteFS is an HDFS cluster, with a client of its own: all calls of one client share a mutex and a connection.
type remoteFS struct {
	set *settings

	mu          sync.Mutex
	client      *hdfs.Client
	life        context.Context // of the client's connections, those that are being made among them
	end         context.CancelFunc
	conns       map[net.Conn]struct{}
	files       map[*hdfs.FileWriter]struct{} // that are not closed
	fault       error                         // of a connection to a datanode
	replication int
}

var (
	_ tree = (*remoteFS)(nil)
	_ file = (*remoteFile)(nil)
)

func newRemoteFS(set *settings) *remoteFS {
	return &remoteFS{set: set, conns: map[net.Conn]struct{}{}, files: map[*hdfs.FileWriter]struct{}{}}
}

// connect gives the client, a new one where there is none or a call of the last one was aborted.
func (r *remoteFS) connect(ctx context.Context) (*hdfs.Client, error) {
	r.mu.Lock()
	c := r.client
	usable := c != nil && r.life.Err() == nil
	r.mu.Unlock()
	if usable {
		return c, nil
	}
	r.Reset()
	o, err := r.set.cluster.options()
	if err != nil {
		return nil, err
	}
	life, end := context.WithCancel(context.Background())
	defer context.AfterFunc(ctx, end)()
	o.NamenodeDialFunc, o.DatanodeDialFunc = r.dial(life, r.set.timeout), r.dial(life, 0)
	c, err = hdfs.NewClient(o)
	if err != nil {
		end()
		return nil, err
	}
	r.mu.Lock()
	r.client, r.life, r.end = c, life, end
	r.mu.Unlock()
	return c, nil
}

// Reset implements filesystem. A client that lives would renew the leases of its broken files.
func (r *remoteFS) Reset() {
	r.abort() // first, so that nothing of what follows reaches HDFS, or waits for it
	r.mu.Lock()
	c, files := r.client, r.files
	r.client, r.files = nil, map[*hdfs.FileWriter]struct{}{}
	r.mu.Unlock()
	for f := range files {
		_ = f.Close() // it fails, and ends the file's goroutines
	}
	if c != nil {
		_ = c.Close() // what it could say of it is known
	}
	r.mu.Lock()
	r.fault = nil
	r.mu.Unlock()
}

// call makes a call end with its context (invariant 6).
func (r *remoteFS) call(ctx context.Context, f func(*hdfs.Client) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*r.set.timeout) // reads from datanodes have no deadline of their own
	defer cancel()
	c, err := r.connect(ctx)
	if err == nil {
		defer context.AfterFunc(ctx, r.abort)()
		err = f(c)
	}
	if err != nil && ctx.Err() != nil {
		return errors.Join(ctx.Err(), err)
	}
	return err
}

func (r *remoteFS) MkdirAll(ctx context.Context, dir string) error {
	return r.call(ctx, func(c *hdfs.Client) error { return c.MkdirAll(dir, 0o755) })
}

const minBlock = 1 << 20 // the namenode's least block size by default

func (r *remoteFS) Create(ctx context.Context, name string, blockSize int64) (file, error) {
	var w *hdfs.FileWriter
	err := r.call(ctx, func(c *hdfs.Client) (err error) {
		if r.replication == 0 {
			r.replication = r.set.cluster.replication
		}
		if r.replication == 0 {
			d, err := c.ServerDefaults()
			if err != nil {
				return err
			}
			r.replication = d.Replication
		}
		blockSize = (max(blockSize, minBlock) + 511) / 512 * 512 // a multiple of the checksum's chunk
		w, err = c.CreateFile(name, r.replication, blockSize, 0o644)
		return err
	})
	if err != nil {
		return nil, err
	}
	return r.file(ctx, w), nil
}

func (r *remoteFS) Append(ctx context.Context, name string) (file, error) {
	var w *hdfs.FileWriter
	err := r.call(ctx, func(c *hdfs.Client) (err error) {
		w, err = c.Append(name)
		return err
	})
	if err != nil {
		return nil, err
	}
	return r.file(ctx, w), nil
}

func (r *remoteFS) Rename(ctx context.Context, from, to string) error {
	return r.call(ctx, func(c *hdfs.Client) error { return c.Rename(from, to) })
}

func (r *remoteFS) Size(ctx context.Context, name string) (size int64, err error) {
	err = r.call(ctx, func(c *hdfs.Client) error {
		info, err := c.Stat(name)
		if err == nil {
			size = info.Size()
		}
		return err
	})
	return size, err
}

func (r *remoteFS) List(ctx context.Context, dir string) (names []string, err error) {
	err = r.call(ctx, func(c *hdfs.Client) error {
		infos, err := c.ReadDir(dir)
		for _, i := range infos {
			names = append(names, i.Name())
		}
		return err
	})
	return names, err
}

func (r *remoteFS) Folders(ctx context.Context, dir string) (names []string, err error) {
	err = r.call(ctx, func(c *hdfs.Client) error {
		infos, err := c.ReadDir(dir)
		for _, i := range infos {
			if i.IsDir() {
				names = append(names, i.Name())
			}
		}
		return err
	})
	return names, err
}

func (r *remoteFS) Entries(ctx context.Context, dir string) (entries []entry, err error) {
	err = r.call(ctx, func(c *hdfs.Client) error {
		infos, err := c.ReadDir(dir)
		for _, i := range infos {
			entries = append(entries, entry{i.Name(), i.IsDir(), i.Size(), i.ModTime()})
		}
		return err
	})
	return entries, err
}

func (r *remoteFS) Open(ctx context.Context, name string) (s compact.Source, err error) {
	err = r.call(ctx, func(c *hdfs.Client) error {
		f, err := c.Open(name)
		if err == nil {
			s = &remoteSource{r, ctx, f}
		}
		return err
	})
	return s, err
}

// remoteSource is a file that is read. Each read has the deadline of a call.
type remoteSource struct {
	fs  *remoteFS
	ctx context.Context
	f   *hdfs.FileReader
}

func (s *remoteSource) ReadAt(p []byte, off int64) (n int, err error) {
	err = s.fs.call(s.ctx, func(*hdfs.Client) (err error) {
		n, err = s.f.ReadAt(p, off)
		return err
	})
	return n, err
}

func (s *remoteSource) Size() int64  { return s.f.Stat().Size() }
func (s *remoteSource) Close() error { return s.f.Close() }

func (r *remoteFS) ReadFile(ctx context.Context, name string) (b []byte, err error) {
	err = r.call(ctx, func(c *hdfs.Client) (err error) {
		b, err = c.ReadFile(name)
		return err
	})
	return b, err
}

func (r *remoteFS) Truncate(ctx context.Context, name string, size int64) error {
	return r.call(ctx, func(c *hdfs.Client) error {
		done, err := c.Truncate(name, size)
		if err == nil && !done {
			err = errors.New("the namenode is still cutting the file")
		}
		return err
	})
}

func (r *remoteFS) RemoveAll(ctx context.Context, name string) error {
	return r.call(ctx, func(c *hdfs.Client) error {
		err := c.RemoveAll(name)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
}

// remoteFile is an open file in HDFS.
type remoteFile struct {
	fs  *remoteFS
	w   *hdfs.FileWriter
	ctx context.Context
}

// file takes charge of an open file until it is closed.
func (r *remoteFS) file(ctx context.Context, w *hdfs.FileWriter) *remoteFile {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.files[w] = struct{}{}
	return &remoteFile{fs: r, w: w, ctx: ctx}
}

func (f *remoteFile) Within(ctx context.Context) { f.ctx = ctx }

// chunk bounds one write, so that the deadline counts for an amount that fits into it. It is a packet of the library, which copies
// all of a write before it makes packets of it.
const chunk = 64 << 10

func (f *remoteFile) Write(p []byte) (int, error) {
	n := 0
	for len(p) > 0 {
		part := p[:min(len(p), chunk)]
		err := f.timed(func() error { m, err := f.w.Write(part); n += m; return err })
		if err != nil {
			return n, err
		}
		p = p[len(part):]
	}
	return n, nil
}

// replicatedWithin is how long Close waits for the namenode to hear of the blocks.
const (
	replicatedWithin = 30 * time.Second
	replicatedPause  = 5 * time.Millisecond
)

func (f *remoteFile) Close() error {
	began := time.Now()
	for pause := replicatedPause; ; pause = min(2*pause, time.Second) {
		err := f.timed(f.w.Close)
		if err == nil {
			f.fs.mu.Lock()
			delete(f.fs.files, f.w)
			f.fs.mu.Unlock()
			return nil
		}
		if !hdfs.IsErrReplicating(err) || time.Since(began) > replicatedWithin {
			return err
		}
		if err := sleep(f.ctx, pause); err != nil {
			return err
		}
	}
}

// timed makes a call with the deadline of one; between calls there is none, because acknowledgements are awaited then.
func (f *remoteFile) timed(call func() error) error {
	if err := f.ctx.Err(); err != nil {
		return err
	}
	defer context.AfterFunc(f.ctx, f.fs.abort)()
	if err := f.w.SetDeadline(time.Now().Add(f.fs.set.timeout)); err != nil {
		return err
	}
	if err := call(); err != nil {
		return err
	}
	f.fs.mu.Lock()
	fault := f.fs.fault
	f.fs.mu.Unlock()
	if fault != nil {
		return fault
	}
	return f.w.SetDeadline(time.Time{})
}
