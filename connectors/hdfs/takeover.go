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

// takeOver brings to an end what Confluent's connector has left behind for the partition. Its write-ahead log says which files
// of its last commit may still have their temporary names; they get their final ones. It gives the logs, which are to be put
// aside when that is recorded, and the offset behind the last record of which they say that it is committed, -1 where they say
// nothing: files that somebody has moved away since are not written again.
func (s *fileStore) takeOver(ctx context.Context) (logs []string, next int64, err error) {
	next = -1
	logs, err = s.confluentLogs(ctx)
	for _, name := range logs {
		l, err := s.readWAL(ctx, name)
		if err != nil {
			return nil, next, err
		}
		if path.Base(name) == walName { // the older one was carried out before it was put aside
			if err := s.finishBlock(ctx, l.pending()); err != nil {
				return nil, next, err
			}
		}
		if len(l.blocks) > 0 {
			next = max(next, s.behind(l.blocks[len(l.blocks)-1]))
		}
	}
	return logs, next, err
}

// behind gives the offset behind the last record of a commit, by the names of its files.
func (s *fileStore) behind(b walBlock) int64 {
	next := int64(-1)
	for _, e := range b {
		if _, last, ok := s.w.set.names.parseFile(s.w.partition, path.Base(e.final)); ok {
			next = max(next, last+1)
		}
	}
	return next
}

// walName is the log that Confluent's connector writes, and what it calls the one before.
const (
	walName    = "log"
	walOldName = walName + ".1"
)

// confluentLogs names the write-ahead logs of the partition, the older one first.
func (s *fileStore) confluentLogs(ctx context.Context) (logs []string, err error) {
	dir := path.Dir(s.w.set.names.manifest(s.w.partition))
	names, err := s.w.fs.List(ctx, dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, failure("looking for write-ahead logs in "+dir, err)
	}
	for _, name := range []string{walOldName, walName} {
		if slices.Contains(names, name) {
			logs = append(logs, path.Join(dir, name))
		}
	}
	return logs, nil
}

// readWAL reads a log to its end. Of one that its writer never closed, HDFS tells neither length nor content: it is opened and
// closed first, which HDFS grants when the lease of the dead writer has ended, after a minute.
func (s *fileStore) readWAL(ctx context.Context, name string) (l walLog, err error) {
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
		return l, nil
	}
	if err != nil {
		return l, failure("reading the write-ahead log "+name, err)
	}
	l, err = parseWAL(text)
	if err != nil || !l.whole {
		w.log.Warn("a write-ahead log of Confluent's connector ends in the middle of a commit, or is damaged; what it says before counts, and the names of the files",
			"partition", w.partition, "log", name, "commits", len(l.blocks), "error", err)
	}
	return l, nil
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
			// The connector uses a temporary name again for its next file. One that it was writing when it died has no length:
			// then the committed file had its name, and somebody has moved it away.
			var size int64
			if size, err = w.fs.Size(ctx, from); err == nil && size == 0 {
				break
			}
			if err == nil {
				err = w.fs.Rename(ctx, from, e.final)
			}
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
		if err != nil || slices.Contains(names, walName) {
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
