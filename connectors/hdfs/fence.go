package hdfs

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	"path"
	"slices"
	"time"
)

// workplace is the temporary folder of one opening (invariant 3).
type workplace struct{ dir string }

func (w workplace) path(name string) string { return path.Join(w.dir, name) }

// occupy makes a folder of its own and moves those of all predecessors away. When it returns, nothing that they do can
// change what is committed.
func (w *writer) occupy(ctx context.Context) error {
	parent := w.set.names.temp(w.partition)
	own := openingName()
	if err := w.fs.MkdirAll(ctx, path.Join(parent, own)); err != nil {
		return failure("making the temporary folder "+path.Join(parent, own), err)
	}
	w.place = workplace{path.Join(parent, own)}
	away := w.set.names.fenced(w.partition)
	for range fenceRounds {
		names, err := w.fs.List(ctx, parent)
		if err != nil {
			return failure("looking for earlier writers in "+parent, err)
		}
		others := slices.DeleteFunc(names, func(name string) bool { return name == own })
		if len(others) == 0 {
			return w.lookAside(ctx, away)
		}
		if err := w.fs.MkdirAll(ctx, away); err != nil {
			return failure("making the folder "+away, err)
		}
		for _, name := range others {
			from := path.Join(parent, name)
			err := w.fs.Rename(ctx, from, path.Join(away, name+"-"+own))
			// What does not exist may be the source, which is as good, or the target's folder, which another writer has just
			// tidied away: the next round tells.
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return failure("moving away "+from+" of an earlier writer", err)
			}
		}
	}
	return failure("moving away earlier writers from "+parent, errors.New("others keep coming"))
}

// fenceRounds bounds the attempts to be alone.
const fenceRounds = 10

// lookAside names what was moved away, by this writer or by others before it. None of it changes any more.
func (w *writer) lookAside(ctx context.Context, away string) error {
	names, err := w.fs.List(ctx, away)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return failure("looking for folders of earlier writers in "+away, err)
	}
	w.aside = names
	return nil
}

// tidy removes what was moved away, once what is committed of it has its name. What others move there meanwhile is theirs. It
// is of no consequence when it fails: the next one tries again.
func (w *writer) tidy(ctx context.Context) {
	for _, name := range w.aside {
		dir := path.Join(w.set.names.fenced(w.partition), name)
		if err := w.fs.RemoveAll(ctx, dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			w.log.Debug("the folder of an earlier writer could not be removed yet", "partition", w.partition, "folder", dir, "error", err)
			return
		}
	}
}

// openingName is unique, and tells people when it was made.
func openingName() string {
	var random [6]byte
	_, _ = rand.Read(random[:]) // it never fails
	return time.Now().UTC().Format("20060102T150405") + "-" + hex.EncodeToString(random[:])
}
