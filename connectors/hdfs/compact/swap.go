package compact

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// Source is a file that is read.
type Source interface {
	io.ReaderAt
	io.Closer
	Size() int64
}

// Store is where the files are. Errors wrap fs.ErrNotExist where it applies. A Rename replaces a file. A Remove of what is not
// there is none.
type Store interface {
	List(ctx context.Context, dir string) ([]string, error)
	Size(ctx context.Context, name string) (int64, error)
	Open(ctx context.Context, name string) (Source, error)
	// Create makes a file in an existing folder; its Close returns when all is durable. size is a hint.
	Create(ctx context.Context, name string, size int64) (io.WriteCloser, error)
	ReadFile(ctx context.Context, name string) ([]byte, error)
	MkdirAll(ctx context.Context, dir string) error
	Rename(ctx context.Context, from, to string) error
	RemoveAll(ctx context.Context, name string) error
}

// ErrChanged says that somebody else has touched the files meanwhile.
var ErrChanged = errors.New("a file was changed or removed while it was being merged")

// Folder is where the files of a Kafka partition are swapped.
type Folder struct {
	Store Store
	// Temp is the temporary folder of the present writer; it is moved away when another takes its place.
	Temp string
	// Journals is the folder of the journals of this Kafka partition.
	Journals string
	// Opening tells this writer's journals from those of others.
	Opening string
	// Merge writes one file that has the records of others, in their order.
	Merge func(w io.Writer, files []Source) error

	count int
	loose []string // files in Temp that Recover removes
}

// journal is a swap under way.
type journal struct {
	Version int      `json:"version"`
	Temp    string   `json:"temp"`   // where the merged file is made
	Merged  string   `json:"merged"` // its name in the end
	Sources []string `json:"sources"`
}

const (
	journalVersion = 1
	journalPrefix  = "compact-"
)

// Swap merges neighbours in dir into one file of that name. After an error it may be done or not: Recover tells, and must
// have succeeded before the next Swap.
func (f *Folder) Swap(ctx context.Context, dir string, files []File, name string) error {
	f.count++
	id := f.Opening + "-" + strconv.Itoa(f.count)
	j := journal{Version: journalVersion, Temp: path.Join(f.Temp, journalPrefix+id), Merged: path.Join(dir, name)}
	for _, s := range files {
		j.Sources = append(j.Sources, path.Join(dir, s.Name))
	}
	f.loose = []string{j.Temp, f.draft(id)}
	if err := f.absent(ctx, j.Merged); err != nil {
		return err
	}
	if err := f.make(ctx, j, files); err != nil {
		return fmt.Errorf("merging %d files into %s: %w", len(files), j.Merged, err)
	}
	placed, err := f.record(ctx, id, j)
	if err != nil {
		return fmt.Errorf("recording the merge into %s: %w", j.Merged, err)
	}
	for i, s := range j.Sources {
		size, err := f.Store.Size(ctx, s)
		if errors.Is(err, fs.ErrNotExist) || err == nil && size != files[i].Size {
			return fmt.Errorf("merging into %s: %s: %w", j.Merged, s, ErrChanged)
		}
		if err != nil {
			return fmt.Errorf("looking at %s: %w", s, err)
		}
	}
	if err := f.absent(ctx, j.Merged); err != nil {
		return err
	}
	if err := f.Store.Rename(ctx, j.Temp, j.Merged); err != nil {
		return fmt.Errorf("putting %s into place: %w", j.Merged, err)
	}
	if err := f.clean(ctx, j); err != nil {
		return err
	}
	if err := f.Store.RemoveAll(ctx, placed); err != nil {
		return fmt.Errorf("removing %s: %w", placed, err)
	}
	f.loose = nil // both had their places
	return nil
}

func (f *Folder) absent(ctx context.Context, name string) error {
	_, err := f.Store.Size(ctx, name)
	switch {
	case err == nil:
		return fmt.Errorf("merging into %s, which is there: %w", name, ErrChanged)
	case errors.Is(err, fs.ErrNotExist):
		return nil
	default:
		return fmt.Errorf("looking for %s: %w", name, err)
	}
}

// make writes the merged file, and makes sure that all of it is there.
func (f *Folder) make(ctx context.Context, j journal, files []File) (err error) {
	var sources []Source
	defer func() {
		for _, s := range sources {
			_ = s.Close() // it was only read
		}
	}()
	var size int64
	for i, name := range j.Sources {
		s, err := f.Store.Open(ctx, name)
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s: %w", name, ErrChanged)
		}
		if err != nil {
			return err
		}
		sources = append(sources, s)
		if s.Size() != files[i].Size {
			return fmt.Errorf("%s: %w", name, ErrChanged)
		}
		size += s.Size()
	}
	w, err := f.Store.Create(ctx, j.Temp, size)
	if err != nil {
		return err
	}
	counted := &counter{w: w}
	if err := f.Merge(counted, sources); err != nil { // the first error counts; Close may say that all is well
		return err
	}
	return f.close(ctx, w, j.Temp, counted.n)
}

// close ends a file and verifies its length.
func (f *Folder) close(ctx context.Context, w io.Closer, name string, want int64) error {
	if err := w.Close(); err != nil {
		return err
	}
	got, err := f.Store.Size(ctx, name)
	if err == nil && got != want {
		err = fmt.Errorf("%s has %d bytes of %d that were written", name, got, want)
	}
	return err
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

func (f *Folder) draft(id string) string { return path.Join(f.Temp, journalPrefix+id+".json") }

// record puts the journal into place.
func (f *Folder) record(ctx context.Context, id string, j journal) (placed string, err error) {
	text, err := json.Marshal(j)
	if err != nil {
		return "", err
	}
	temp := f.draft(id)
	w, err := f.Store.Create(ctx, temp, int64(len(text)))
	if err != nil {
		return "", err
	}
	if _, err := w.Write(text); err != nil {
		return "", err
	}
	if err := f.close(ctx, w, temp, int64(len(text))); err != nil {
		return "", err
	}
	if err := f.Store.MkdirAll(ctx, f.Journals); err != nil {
		return "", err
	}
	placed = path.Join(f.Journals, journalPrefix+id+".json")
	return placed, f.Store.Rename(ctx, temp, placed)
}

// clean removes what a merged file that is in place was made of.
func (f *Folder) clean(ctx context.Context, j journal) error {
	for _, s := range j.Sources {
		if err := f.Store.RemoveAll(ctx, s); err != nil {
			return fmt.Errorf("removing %s, which is in %s too: %w", s, j.Merged, err)
		}
	}
	return nil
}

// Recover finishes swaps whose merged file is in place and forgets the others, whoever began them. It is called when the
// writer has its temporary folder for itself, and after every error of Swap.
func (f *Folder) Recover(ctx context.Context) error {
	// A rename whose answer was lost may still come, but not without its source.
	for _, name := range f.loose {
		if err := f.Store.RemoveAll(ctx, name); err != nil {
			return fmt.Errorf("removing %s: %w", name, err)
		}
	}
	f.loose = nil
	names, err := f.Store.List(ctx, f.Journals)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking for merges in %s: %w", f.Journals, err)
	}
	for _, name := range names {
		if !strings.HasPrefix(name, journalPrefix) {
			continue
		}
		placed := path.Join(f.Journals, name)
		text, err := f.Store.ReadFile(ctx, placed)
		if errors.Is(err, fs.ErrNotExist) {
			continue // a predecessor was about to remove it
		}
		if err != nil {
			return fmt.Errorf("reading %s: %w", placed, err)
		}
		var j journal
		if err := json.Unmarshal(text, &j); err != nil || j.Version != journalVersion || j.Temp == "" || j.Merged == "" {
			return fmt.Errorf("reading %s: it is no journal of a merge: %.100q; move it away, and look whether files beside it lie within others", placed, text)
		}
		_, err = f.Store.Size(ctx, j.Merged)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			j.Sources = nil // they stay
		case err != nil:
			return fmt.Errorf("looking for %s: %w", j.Merged, err)
		}
		if err := f.clean(ctx, j); err != nil {
			return err
		}
		// Only the present writer knows that the merged file will not come any more, so only it may forget the journal.
		away := path.Join(f.Temp, name)
		if err := f.Store.Rename(ctx, placed, away); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("putting %s aside: %w", placed, err)
		}
		f.loose = append(f.loose, away)
	}
	return nil
}
