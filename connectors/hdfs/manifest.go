package hdfs

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/sluice-connect/sluice/connectors"
)

// manifest is the last commit of a Kafka partition that was more than the rename of one file into a folder that was known.
// Being in place it is the commit. It is also the index by which recovery knows where to look.
type manifest struct {
	Version int         `json:"version"`
	ID      string      `json:"id"`
	Opening string      `json:"opening"` // temporary folder in which the files were made
	Next    int64       `json:"next"`    // offset behind the last record
	Last    int64       `json:"last"`    // last offset that is in a file, -1 where there is none
	Folders []string    `json:"folders"` // below topics.dir; those of the newest files, into which single files may follow
	Files   []committed `json:"files,omitempty"`
}

// committed is a file of a manifest.
type committed struct {
	Temp  string `json:"temp"`  // name in the temporary folder
	Final string `json:"final"` // name below topics.dir
	Size  int64  `json:"size"`  // bytes
}

const manifestVersion = 1

// mostFolders is how many folders recovery lists.
const mostFolders = 8

// looksInto tells whether recovery would find a file that is renamed into a folder without a manifest.
func (s *fileStore) looksInto(folder string) bool {
	return s.fixedFolder() == folder || slices.Contains(s.known.Folders, folder)
}

// fixedFolder is where all files of the partition go, or empty where there are several folders.
func (s *fileStore) fixedFolder() string {
	if !s.w.set.partitioner.Fixed() {
		return ""
	}
	return path.Join(s.w.partition.Topic, "partition="+strconv.Itoa(int(s.w.partition.ID)))
}

// record puts the manifest of a tranche into place: the commit.
func (s *fileStore) record(ctx context.Context, t *tranche) error {
	w := s.w
	if s.tried != "" { // the answer to an attempt was lost: perhaps it is in place, or comes late unless its source is removed
		if err := w.fs.RemoveAll(ctx, s.triedTemp); err != nil {
			return failure("removing "+s.triedTemp, err)
		}
		m, err := w.readManifest(ctx)
		if err != nil {
			return err
		}
		if m.ID == s.tried {
			s.known, s.tried = m, ""
			return nil
		}
	}
	m := manifest{Version: manifestVersion, Opening: path.Base(w.place.dir), Next: t.next, Last: t.lastOffset()}
	for _, o := range t.files {
		if err := s.absent(ctx, s.final(o)); err != nil {
			return err
		}
		m.Files = append(m.Files, committed{path.Base(o.temp.name), w.set.names.final(w.partition, o), o.temp.size})
	}
	newest := slices.Clone(t.files)
	slices.SortFunc(newest, func(a, b *output) int { return cmp.Compare(b.last, a.last) })
	for _, o := range newest {
		if len(m.Folders) < mostFolders && !slices.Contains(m.Folders, o.folder) {
			m.Folders = append(m.Folders, o.folder)
		}
	}
	return s.place(ctx, m)
}

// place replaces the manifest. The rename comes from the temporary folder, so that only the present writer can.
func (s *fileStore) place(ctx context.Context, m manifest) error {
	w := s.w
	s.attempt++
	m.ID = path.Base(w.place.dir) + "/" + strconv.Itoa(s.attempt)
	name := w.set.names.manifest(w.partition)
	if err := s.folder(ctx, path.Dir(name)); err != nil {
		return err
	}
	text, err := json.Marshal(m)
	if err != nil {
		return connectors.Fatal("recording a commit", err, "")
	}
	temp := w.place.path("commit-" + strconv.Itoa(s.attempt) + ".json")
	if err := w.writeSmall(ctx, temp, text); err != nil {
		return s.unplaced(ctx, name, err)
	}
	s.tried, s.triedTemp = m.ID, temp
	if err := w.fs.Rename(ctx, temp, name); err != nil {
		return s.unplaced(ctx, name, err)
	}
	s.known, s.tried = m, ""
	return nil
}

func (s *fileStore) unplaced(ctx context.Context, name string, err error) error {
	w := s.w
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := w.fs.Size(ctx, w.place.dir); errors.Is(err, fs.ErrNotExist) {
			return fenced("recording the commit in " + name)
		}
		clear(s.made) // somebody has removed the folder
	}
	return failure("recording the commit in "+name, err)
}

// writeSmall writes a small file and verifies its length.
func (w *writer) writeSmall(ctx context.Context, name string, text []byte) error {
	f, err := w.fs.Create(ctx, name, 0)
	if err != nil {
		return err
	}
	if _, err := f.Write(text); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	size, err := w.fs.Size(ctx, name)
	if err == nil && size != int64(len(text)) {
		err = fmt.Errorf("%s has %d bytes of %d that were written", name, size, len(text))
	}
	return err
}

// readManifest gives the manifest in place; one without an id says that there is none.
func (w *writer) readManifest(ctx context.Context) (m manifest, err error) {
	name := w.set.names.manifest(w.partition)
	text, err := w.fs.ReadFile(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return manifest{Next: -1, Last: -1}, nil
	}
	if err != nil {
		return m, failure("reading "+name, err)
	}
	if err := json.Unmarshal(bytes.TrimSpace(text), &m); err != nil || m.ID == "" || m.Version < 1 || m.Next < -1 {
		return m, connectors.Fatal("reading "+name, fmt.Errorf("it is no record of a commit: %.100q", text), "move it away to begin behind what the names of all files say")
	}
	if m.Version > manifestVersion {
		return m, connectors.Fatal("reading "+name, fmt.Errorf("it has version %d, and %d is known here", m.Version, manifestVersion), "a newer version of the sink wrote it; use that")
	}
	return m, nil
}

// publish makes the renames of a tranche that is committed.
func (s *fileStore) publish(ctx context.Context, t *tranche) error {
	w := s.w
	for len(s.known.Files) > 0 {
		f := s.known.Files[0]
		final := path.Join(w.set.names.topics, f.Final)
		if err := s.folder(ctx, path.Dir(final)); err != nil {
			return err
		}
		err := w.fs.Rename(ctx, w.place.path(f.Temp), final)
		if errors.Is(err, fs.ErrNotExist) {
			if size, err := w.fs.Size(ctx, final); err != nil || size != f.Size { // it was not an answer that was lost
				return s.unpublished(ctx, final, f)
			}
			err = nil
		}
		if err != nil {
			return failure("committing "+final, err)
		}
		s.known.Files = s.known.Files[1:]
	}
	return nil
}

// unpublished tells why a file that is committed could not be given its name.
func (s *fileStore) unpublished(ctx context.Context, final string, f committed) error {
	w := s.w
	if _, err := w.fs.Size(ctx, w.place.dir); errors.Is(err, fs.ErrNotExist) {
		return fenced("committing " + final) // the successor does it
	}
	if _, err := w.fs.Size(ctx, w.place.path(f.Temp)); errors.Is(err, fs.ErrNotExist) {
		return connectors.Fatal("committing "+final, fmt.Errorf("%s is gone", w.place.path(f.Temp)),
			"somebody has removed files below +tmp; reset the offset of the partition to read the records again")
	}
	clear(s.made)
	return failure("committing "+final, errors.New("its folder was removed"))
}

// rollForward gives the files of a manifest, which a predecessor may have left in its temporary folder, their names. The
// folder lies among those that were moved aside, by this writer or by others before it.
func (s *fileStore) rollForward(ctx context.Context, m manifest) error {
	w := s.w
	if len(m.Files) == 0 {
		return nil
	}
	finals := map[string]string{}
	for _, f := range m.Files {
		finals[f.Temp] = path.Join(w.set.names.topics, f.Final)
	}
	for _, dir := range w.aside {
		if !strings.HasPrefix(dir, m.Opening+"-") {
			continue
		}
		from := path.Join(w.set.names.fenced(w.partition), dir)
		names, err := w.fs.List(ctx, from)
		if errors.Is(err, fs.ErrNotExist) { // another writer has done it all
			continue
		}
		if err != nil {
			return failure("looking for committed files in "+from, err)
		}
		for _, name := range names {
			final, ok := finals[name]
			if !ok {
				continue
			}
			if err := s.folder(ctx, path.Dir(final)); err != nil {
				return err
			}
			err := w.fs.Rename(ctx, path.Join(from, name), final)
			if errors.Is(err, fs.ErrNotExist) {
				if _, still := w.fs.Size(ctx, path.Join(from, name)); errors.Is(still, fs.ErrNotExist) {
					continue // another writer has done it
				}
				clear(s.made)
			}
			if err != nil {
				return failure("committing "+final, err)
			}
		}
	}
	return nil
}
