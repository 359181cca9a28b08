package hdfs

import (
	"bytes"
	_ "embed"
	"encoding/binary"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
)

// confluentWAL was written by Confluent's WALFile: 40 blocks of 0, 1, 2, 0, … files of 100 records each, the last of which
// has no END.
//
//go:embed testdata/confluent.wal
var confluentWAL []byte

func TestParseWAL(t *testing.T) {
	all, err := parseWAL(confluentWAL)
	if err != nil || all.whole || !slices.Equal(all.pending(), all.blocks[len(all.blocks)-1]) {
		t.Errorf("whole %v, pending %v, %v", all.whole, all.pending(), err)
	}
	blocks := all.blocks
	n := 0
	for i, b := range blocks {
		for f, e := range b {
			want := walEntry{
				fmt.Sprintf("/topics/+tmp/colors/color=c%d/%d-%d_tmp.json", f, i/2*3+i%2+1, f),
				fmt.Sprintf("/topics/colors/color=c%d/colors+2+%010d+%010d.json", f, n, n+100),
			}
			if e != want {
				t.Fatalf("block %d: %v, want %v", i, e, want)
			}
			n += 100
		}
	}
	if len(blocks) != 26 || n != 3900 {
		t.Errorf("%d blocks, %d files", len(blocks), n/100)
	}
	// wherever it is cut, the blocks before are there
	for cut := range len(confluentWAL) {
		l, err := parseWAL(confluentWAL[:cut])
		some := l.blocks
		if cut >= 20 && err != nil || len(some) > len(blocks) {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		for i := range some {
			if !slices.Equal(some[i], blocks[i]) {
				t.Fatalf("cut at %d: block %d is %v", cut, i, some[i])
			}
		}
	}
}

func FuzzParseWAL(f *testing.F) {
	f.Add(confluentWAL)
	f.Add([]byte("WAL\x00................\xff\xff\xff\xff................"))
	f.Fuzz(func(t *testing.T, log []byte) {
		l, _ := parseWAL(log)
		for _, b := range append(l.blocks, l.rest) {
			for _, e := range b {
				if len(e.temp)+len(e.final) > 2*len(log)+10 {
					t.Error("more than there is")
				}
			}
		}
	})
}

// wal writes a log of blocks; the last one has an END only where it is complete. Paths are as Confluent's connector joins them.
func wal(complete bool, blocks ...walBlock) []byte {
	var b bytes.Buffer
	sync := []byte("0123456789abcdef")
	b.WriteString("WAL\x00")
	b.Write(sync)
	text := func(s string) []byte {
		if len(s) < 128 {
			return append([]byte{byte(len(s))}, s...)
		}
		return append([]byte{0x8f, byte(len(s))}, s...) // one byte follows
	}
	entry := func(k, v string) {
		data := append(text(k), text(v)...)
		b.Write(binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, uint32(len(data))), uint32(len(text(k)))))
		b.Write(data)
	}
	for i, block := range blocks {
		entry("BEGIN", "")
		for _, e := range block {
			entry("hdfs://nn:8020"+strings.Replace(e.temp, "/+tmp/", "//+tmp/", 1), "hdfs://nn:8020"+e.final)
		}
		if complete || i < len(blocks)-1 {
			entry("END", "")
		}
		b.Write([]byte{0xff, 0xff, 0xff, 0xff})
		b.Write(sync)
	}
	return b.Bytes()
}

// Confluent's connector died at some point of a commit. Its files, names and log are taken over: what was committed is there
// once, and what was not is gone.
func TestTakeOver(t *testing.T) {
	const id = "01234567-89ab-cdef-0123-456789abcdef"
	temp := func(folder string, n int) string {
		return fmt.Sprintf("/d/topics/+tmp/select-color/%s/%s_tmp%d.json", folder, id, n)
	}
	final := func(folder string, first, last int) string {
		return fmt.Sprintf("/d/topics/select-color/%s/select-color+1+%010d+%010d.json", folder, first, last)
	}
	for _, tc := range []struct {
		name   string
		set    map[string]string
		logs   map[string][]byte
		files  []string // that are there
		open   []string // that were being written
		want   []string // committed afterwards
		resume int64
	}{
		{
			name: "shut down in order", logs: map[string][]byte{"log.1": wal(true, walBlock{{temp("partition=1", 1), final("partition=1", 0, 9)}})},
			files: []string{final("partition=1", 0, 9)}, want: []string{final("partition=1", 0, 9)}, resume: 10,
		},
		{
			name: "before the rename", logs: map[string][]byte{"log": wal(true, walBlock{{temp("partition=1", 1), final("partition=1", 0, 9)}}, walBlock{{temp("partition=1", 2), final("partition=1", 10, 19)}})},
			files: []string{final("partition=1", 0, 9), temp("partition=1", 2), temp("partition=1", 3)},
			want:  []string{final("partition=1", 0, 9), final("partition=1", 10, 19)}, resume: 20,
		},
		{
			name: "before the end of the log", logs: map[string][]byte{"log": wal(false, walBlock{{temp("partition=1", 1), final("partition=1", 0, 9)}}, walBlock{{temp("partition=1", 2), final("partition=1", 10, 19)}})},
			files: []string{final("partition=1", 0, 9), temp("partition=1", 2)},
			want:  []string{final("partition=1", 0, 9)}, resume: 10,
		},
		{
			name: "between the renames of several files", set: map[string]string{"partitioner.class": "FieldPartitioner", "partition.field.name": "color"},
			logs: map[string][]byte{
				"log.1": wal(true, walBlock{{temp("color=c1", 1), final("color=c1", 0, 9)}}),
				"log": wal(true, walBlock{
					{temp("color=c1", 2), final("color=c1", 10, 18)}, {temp("color=c2", 2), final("color=c2", 11, 19)}, {temp("color=c3", 3), final("color=c3", 12, 12)},
				}),
			},
			files: []string{final("color=c1", 0, 9), final("color=c2", 11, 19), temp("color=c1", 2), temp("color=c3", 3), temp("color=c9", 4)},
			want:  []string{final("color=c1", 0, 9), final("color=c1", 10, 18), final("color=c2", 11, 19), final("color=c3", 12, 12)}, resume: 20,
		},
		{
			name: "before the rename, and the files before moved away", logs: map[string][]byte{
				"log.1": wal(true, walBlock{{temp("partition=1", 8), final("partition=1", 0, 9)}}),
				"log":   wal(true, walBlock{{temp("partition=1", 1), final("partition=1", 10, 19)}}, walBlock{{temp("partition=1", 1), final("partition=1", 20, 29)}}),
			},
			files: []string{temp("partition=1", 8), temp("partition=1", 1)}, // the first was left by a process before
			want:  []string{final("partition=1", 20, 29)}, resume: 30,
		},
		{
			name: "while the next file was written, and all files moved away", logs: map[string][]byte{
				"log": wal(true, walBlock{{temp("partition=1", 1), final("partition=1", 0, 9)}}, walBlock{{temp("partition=1", 1), final("partition=1", 10, 19)}}),
			},
			open: []string{temp("partition=1", 1)}, resume: 20,
		},
		{
			name: "shut down in order, and all files moved away", set: map[string]string{"partitioner.class": "FieldPartitioner", "partition.field.name": "color"},
			logs:   map[string][]byte{"log.1": wal(true, walBlock{{temp("color=c1", 1), final("color=c1", 0, 8)}, {temp("color=c2", 2), final("color=c2", 3, 9)}})},
			resume: 10,
		},
		{
			name: "before the end of the log, and the files before moved away", logs: map[string][]byte{
				"log": wal(false, walBlock{{temp("partition=1", 1), final("partition=1", 0, 9)}}, walBlock{{temp("partition=1", 1), final("partition=1", 10, 19)}}),
			},
			files: []string{temp("partition=1", 1)}, resume: 10,
		},
		{
			name: "killed before its first commit", set: map[string]string{"partitioner.class": "FieldPartitioner", "partition.field.name": "color"},
			open: []string{temp("color=c1", 1), temp("color=c2", 2)}, resume: -1,
		},
		{
			name: "damaged log", logs: map[string][]byte{"log": []byte("rubbish")},
			files: []string{final("partition=1", 0, 9)}, want: []string{final("partition=1", 0, 9)}, resume: 10,
		},
		{
			name: "empty log", logs: map[string][]byte{"log": nil}, set: map[string]string{"partitioner.class": "FieldPartitioner", "partition.field.name": "color"},
			files: []string{final("color=c2", 5, 7)}, want: []string{final("color=c2", 5, 7)}, resume: 8,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			set := map[string]string{"partitioner.class": "DefaultPartitioner", "partition.field.name": ""}
			maps.Copy(set, tc.set)
			b := byColor(t, set)
			for name, text := range tc.logs {
				b.mkdir("/d/logs/select-color/1")
				b.m.files["/d/logs/select-color/1/"+name] = text
			}
			for _, name := range tc.files {
				b.mkdir(path.Dir(name))
				b.m.files[name] = []byte(name)
			}
			for _, name := range tc.open {
				b.mkdir(path.Dir(name))
				b.m.files[name] = nil
			}
			for round := range 2 {
				w := openAt(t, b.task, -1, newAcks())
				if w.Resume() != tc.resume {
					t.Errorf("round %d: resumes at %d, want %d", round, w.Resume(), tc.resume)
				}
				shut(t, w)
				var committed []string
				for name := range b.m.files {
					switch {
					case strings.HasPrefix(name, "/d/topics/select-color/"):
						committed = append(committed, name)
					case strings.Contains(name, id), strings.Contains(name, "/log"):
						if path.Base(name) == "log" || path.Base(name) == "log.1" || strings.Contains(name, id) {
							t.Errorf("round %d: %s is left", round, name)
						}
					}
				}
				slices.Sort(committed)
				if !slices.Equal(committed, tc.want) {
					t.Errorf("round %d: committed are\n%s\nwant\n%s", round, strings.Join(committed, "\n"), strings.Join(tc.want, "\n"))
				}
			}
		})
	}
}

// While the dead connector's lease on its log lasts, the writer waits for it and says so.
func TestTakeOverWaitsForTheLease(t *testing.T) {
	b, a := byColor(t, map[string]string{"retry.backoff.ms": "1"}), newAcks()
	log := "/d/logs/select-color/1/log"
	b.mkdir(path.Dir(log))
	b.m.files[log] = wal(true)
	b.m.held[log] = 100
	w := openAt(t, b.task, -1, a)
	if _, _, troubles, trouble := a.state(); troubles == 0 || trouble != nil {
		t.Errorf("%d troubles, the last %v", troubles, trouble)
	}
	if _, ok := b.m.files[log]; ok {
		t.Error("the log was not put aside")
	}
	shut(t, w)
}
