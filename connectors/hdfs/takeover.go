package hdfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

// takeOver brings to an end what Confluent's connector has left behind for the partition. Its write-ahead logs say which files
// of its last commits may still have their temporary names; they get their final ones, and then the names of the files say
// how far it came. It gives the logs, which are to be put aside when that is recorded.
func (s *fileStore) takeOver(ctx context.Context) (logs []string, err error) {
	logs, err = s.confluentLogs(ctx)
	for _, name := range logs {
		blocks, err := s.readWAL(ctx, name)
		if err != nil {
			return nil, err
		}
		for _, b := range blocks {
			if err := s.finishBlock(ctx, b); err != nil {
				return nil, err
			}
		}
	}
	return logs, err
}

// walNames are the logs, the older one first.
var walNames = [...]string{"log.1", "log"}

// confluentLogs names the write-ahead logs of the partition, the older one first.
func (s *fileStore) confluentLogs(ctx context.Context) (logs []string, err error) {
	dir := path.Dir(s.w.set.names.manifest(s.w.partition))
	names, err := s.w.fs.List(ctx, dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, failure("looking for write-ahead logs in "+dir, err)
	}
	for _, name := range walNames {
		if slices.Contains(names, name) {
			logs = append(logs, path.Join(dir, name))
		}
	}
	return logs, nil
}

// readWAL reads a log to its end. Of one that its writer never closed, HDFS tells neither length nor content: it is opened and
// closed first, which HDFS grants when the lease of the dead writer has ended, after a minute.
func (s *fileStore) readWAL(ctx context.Context, name string) ([]walBlock, error) {
	w := s.w
	f, err := w.fs.Append(ctx, name)
	if err == nil {
		err = f.Close()
	}
	var text []byte
	if err == nil {
		text, err = w.fs.ReadFile(ctx, name)
	}
	if errors.Is(err, fs.ErrNotExist) { // another writer has moved it aside
		return nil, nil
	}
	if err != nil {
		return nil, failure("reading the write-ahead log "+name, err)
	}
	blocks, whole, err := parseWAL(text)
	if err != nil || !whole {
		w.log.Warn("a write-ahead log of Confluent's connector ends in the middle of a commit, or is damaged; what it says before counts, and the names of the files",
			"partition", w.partition, "log", name, "commits", len(blocks), "error", err)
	}
	return blocks, nil
}

// finishBlock gives files of a commit their final names where they do not have them.
func (s *fileStore) finishBlock(ctx context.Context, b walBlock) error {
	w := s.w
	for _, e := range b {
		_, err := w.fs.Size(ctx, e.final)
		if err == nil {
			continue
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return failure("looking for "+e.final, err)
		}
		if err := s.folder(ctx, path.Dir(e.final)); err != nil {
			return err
		}
		for _, from := range s.whereabouts(e.temp) {
			err = w.fs.Rename(ctx, from, e.final)
			if err == nil || !errors.Is(err, fs.ErrNotExist) {
				break
			}
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // what is nowhere was moved away by somebody
			return failure("committing "+e.final, err)
		}
	}
	return nil
}

// whereabouts are the places where a temporary file of Confluent's connector may be: where it was made, or among what was
// moved aside, which has the name of who did so behind its own.
func (s *fileStore) whereabouts(temp string) []string {
	places := []string{temp}
	for _, name := range s.w.aside {
		if strings.HasPrefix(name, path.Base(temp)+"-") {
			places = append(places, path.Join(s.w.set.names.fenced(s.w.partition), name))
		}
	}
	return places
}

// putAside gives the logs names that neither connector looks for, so that Confluent's would go on by the names of the files.
// It removes temporary files that no log speaks of any more.
func (s *fileStore) putAside(ctx context.Context, logs []string) error {
	if len(logs) == 0 {
		return nil
	}
	for _, name := range logs {
		to := path.Join(path.Dir(name), "taken-over-"+path.Base(name))
		if err := s.w.fs.Rename(ctx, name, to); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return failure(fmt.Sprintf("moving %s to %s", name, to), err)
		}
	}
	s.w.log.Info("took over from Confluent's connector", "partition", s.w.partition)
	s.sweep(ctx)
	return nil
}

// confluentTemp are the names of Confluent's temporary files.
var confluentTemp = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}_tmp`)

// sweep removes temporary files of Confluent's connector once no partition of the topic has a log left that may speak of them.
// It is of no consequence when it fails.
func (s *fileStore) sweep(ctx context.Context) {
	w := s.w
	all := path.Dir(path.Dir(w.set.names.manifest(w.partition)))
	partitions, err := w.fs.Folders(ctx, all)
	if err != nil {
		return
	}
	for _, p := range partitions {
		names, err := w.fs.List(ctx, path.Join(all, p))
		if err != nil || slices.Contains(names, "log") {
			return
		}
	}
	todo := []string{path.Dir(w.set.names.temp(w.partition))}
	for len(todo) > 0 {
		dir := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		names, err := w.fs.List(ctx, dir)
		if err != nil {
			return
		}
		for _, name := range names {
			if confluentTemp.MatchString(name) {
				_ = w.fs.RemoveAll(ctx, path.Join(dir, name))
			}
		}
		folders, err := w.fs.Folders(ctx, dir)
		if err != nil {
			return
		}
		for _, name := range folders {
			todo = append(todo, path.Join(dir, name))
		}
	}
}
