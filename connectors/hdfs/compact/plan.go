package compact

import (
	"cmp"
	"slices"
	"time"
)

// File is a committed file of one Kafka partition.
type File struct {
	Name        string // in its folder
	Ext         string // files of one format have the same
	First, Last int64  // offsets
	Size        int64  // bytes
	Changed     time.Time
}

// Options say what is merged.
type Options struct {
	After  time.Duration // how long a file has not changed before it is merged
	Target int64         // bytes of a merged file; a file that has as many stays as it is
	Least  int           // number of files that are worth a merge, at least 2
}

// Plan chooses from the files of one Kafka partition in one folder, as of now, what to merge: each group becomes one file. A
// group ends where it would grow beyond the target, at a file of another format, and at one that is too young.
func Plan(files []File, o Options, now time.Time) [][]File {
	files = slices.Clone(files)
	slices.SortFunc(files, func(a, b File) int { return cmp.Or(cmp.Compare(a.First, b.First), cmp.Compare(b.Last, a.Last)) })
	var groups [][]File
	var group []File
	var size int64
	end := func() {
		if len(group) >= max(o.Least, 2) {
			groups = append(groups, group)
		}
		group, size = nil, 0
	}
	reached := int64(-1)
	for _, f := range files {
		if f.Last <= reached {
			end() // within another: a swap that is not finished
			continue
		}
		if f.First <= reached { // somebody else's work
			reached = f.Last
			end()
			continue
		}
		reached = f.Last
		if f.Size >= o.Target || now.Sub(f.Changed) < o.After {
			end()
			continue
		}
		if len(group) > 0 && (size+f.Size > o.Target || f.Ext != group[0].Ext) {
			end()
		}
		group, size = append(group, f), size+f.Size
	}
	end()
	return groups
}
