package hdfs

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/sluice-connect/sluice/connectors/hdfs/compact"
)

// recover looks for the end of what is committed. Usually the manifest says where: it is verified against the files in the
// newest folders, which also show what followed it. Only where it is missing, or the files that it speaks of are, all
// folders of the topic are looked into.
func (s *fileStore) recover(ctx context.Context) (int64, error) {
	f, err := s.committed(ctx)
	if err == nil && f.newest != "" {
		err = s.w.resumeSchema(ctx, f.newest)
	}
	if err != nil || !f.growing {
		return f.next, err
	}
	next, err := newAppendStore(s.w).recover(ctx) // it was written in the other mode: only its progress file says how far
	return max(next, f.next), err
}

func (s *fileStore) committed(ctx context.Context) (f found, err error) {
	w := s.w
	clear(s.made)
	s.tried = "" // of an attempt before, which this one looks at anew
	m, err := w.readManifest(ctx)
	if err != nil {
		return f, err
	}
	if err := s.rollForward(ctx, m); err != nil {
		return f, err
	}
	m.Files = nil // they have their names
	logs, behind, err := s.takeOver(ctx)
	if err != nil {
		return f, err
	}
	s.known = m
	if f, err = s.newest(ctx, m); err != nil {
		return f, err
	}
	all := false
	switch {
	case m.ID != "" && f.last >= m.Last && len(logs) == 0:
		f.next = max(m.Next, f.next)
	case m.ID == "" && s.fixedFolder() != "" && !f.others && behind <= f.next:
	default:
		if f, err = s.everywhere(ctx); err != nil {
			return f, err
		}
		all = true
		f.next = max(f.next, behind)
		if err := s.place(ctx, manifest{Version: manifestVersion, Next: f.next, Last: f.last, Folders: f.folders}); err != nil {
			return f, err
		}
	}
	if err := s.putAside(ctx, logs); err != nil {
		return f, err
	}
	if len(logs) > 0 || all && m.ID == "" { // Confluent's connector may have been here, even where it has committed nothing
		s.sweep(ctx)
	}
	return f, nil
}

// resumeSchema goes on with the schema of the newest committed file. It is no reason to stop that a file shows none.
func (w *writer) resumeSchema(ctx context.Context, newest string) error {
	if !w.set.format.Projects() {
		return nil
	}
	file, err := w.fs.Open(ctx, newest)
	if errors.Is(err, fs.ErrNotExist) { // merged, or moved away
		return nil
	}
	if err != nil {
		return failure("reading the schema of "+newest, err)
	}
	defer func() { _ = file.Close() }() // it was only read
	read := &reads{Source: file}
	err = w.schemas.Resume(read)
	if read.err != nil {
		return failure("reading the schema of "+newest, read.err)
	}
	if err == nil {
		return nil
	}
	w.log.Warn("the schema of the newest committed file is not gone on with; records begin with their own", "partition", w.partition, "file", newest, "error", err)
	return nil
}

// reads tells a file that cannot be read from one that is not what it should be.
type reads struct {
	compact.Source
	err error
}

func (r *reads) ReadAt(p []byte, off int64) (int, error) {
	n, err := r.Source.ReadAt(p, off)
	if err != nil && !errors.Is(err, io.EOF) {
		r.err = err
	}
	return n, err
}

// found is what the names of files say.
type found struct {
	next, last int64
	folders    []string // where the last offset is
	newest     string   // file with the last offset
	growing    bool     // there are files of append mode
	others     bool     // there may be files in other folders
}

// newest looks into the folders where the latest files are.
func (s *fileStore) newest(ctx context.Context, m manifest) (f found, err error) {
	f.next, f.last = -1, -1
	folders := m.Folders
	if fixed := s.fixedFolder(); fixed != "" && !slices.Contains(folders, fixed) {
		folders = append(slices.Clone(folders), fixed)
		if m.ID == "" {
			if f.others, err = s.hasOthers(ctx); err != nil {
				return f, err
			}
		}
	}
	for _, folder := range folders {
		names, err := s.list(ctx, folder)
		if err != nil {
			return f, err
		}
		s.look(&f, folder, names)
	}
	return f, nil
}

// hasOthers tells whether the topic has folders that are not those of Kafka partitions, by an earlier configuration.
func (s *fileStore) hasOthers(ctx context.Context) (bool, error) {
	names, err := s.list(ctx, s.w.partition.Topic)
	return slices.ContainsFunc(names, func(name string) bool {
		id, ok := strings.CutPrefix(name, "partition=")
		_, number := parseOffset(id)
		return !ok || !number
	}), err
}

// list names what is in a folder below topics.dir.
func (s *fileStore) list(ctx context.Context, folder string) ([]string, error) {
	dir := path.Join(s.w.set.names.topics, folder)
	names, err := s.w.fs.List(ctx, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, failure("looking for committed files in "+dir, err)
	}
	return names, nil
}

// look takes the names in a folder into account.
func (s *fileStore) look(f *found, folder string, names []string) {
	n := s.w.set.names
	for _, name := range names {
		if _, last, ok := n.parseFile(s.w.partition, name); ok && last >= f.last {
			f.last, f.next, f.folders, f.newest = last, last+1, []string{folder}, path.Join(n.topics, folder, name)
		}
		if _, ok := n.parseGrowing(s.w.partition, name); ok && n.delim != growingMark {
			f.growing = true
		}
	}
}

// everywhere looks into all folders of the topic.
func (s *fileStore) everywhere(ctx context.Context) (found, error) {
	f := found{next: -1, last: -1}
	todo := []string{s.w.partition.Topic}
	for len(todo) > 0 {
		folder := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		names, err := s.list(ctx, folder)
		if err != nil {
			return f, err
		}
		s.look(&f, folder, names)
		dir := path.Join(s.w.set.names.topics, folder)
		folders, err := s.w.fs.Folders(ctx, dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return f, failure("looking for folders in "+dir, err)
		}
		for _, name := range folders {
			todo = append(todo, path.Join(folder, name))
		}
	}
	return f, nil
}
