//go:build stack

package hdfs

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/examples/stack"
)

// matrixSchema is that of the records of the matrix.
const matrixSchema = `{"type":"struct","optional":false,"fields":[{"type":"int64","optional":false,"field":"n"},{"type":"string","optional":false,"field":"colour"},{"type":"int64","optional":false,"field":"at"}]}`

// matrixRecord is what the independent reader is to find.
type matrixRecord struct {
	N      int64  `json:"n"`
	Colour string `json:"colour"`
	At     int64  `json:"at"` // milliseconds since 1970
}

var (
	matrixColours = []string{"red", "green", "blue"}
	matrixStart   = time.Date(2026, 3, 28, 22, 30, 0, 0, time.UTC)
)

// matrixOf is the record at an offset: colours take turns, and time goes on by a minute.
func matrixOf(offset int64) matrixRecord {
	return matrixRecord{N: offset, Colour: matrixColours[offset%3], At: matrixStart.Add(time.Duration(offset) * time.Minute).UnixMilli()}
}

func matrixBatch(t testing.TB, first, last int64) *connectors.Batch {
	t.Helper()
	var b connectors.Builder
	b.Describe("", nil, []byte(matrixSchema))
	for o := first; o <= last; o++ {
		r := matrixOf(o)
		value, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		b.Append(o, r.At, nil, value)
	}
	return b.Batch(part)
}

type matrixLayout struct {
	name string
	set  map[string]string
	dir  func(r matrixRecord) string // below the topic's
}

// Every format in every layout with every rotation lies on HDFS as its name says, seen by Python's libraries: every record
// once, in order within its folder, in the folder where it belongs, and files no longer than the rotation allows.
func TestStackMatrix(t *testing.T) {
	t.Parallel() // beside TestStackTakeOver, which waits for a minute
	const records = 300
	s := stack.Shared(t, stack.HDFS)
	python := stack.Python(t, "fastavro", "pyarrow", "cramjam", "backports.zstd")
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	byTime := func(more map[string]string) map[string]string {
		all := map[string]string{"locale": "en", "timezone": "Europe/Berlin", "timestamp.extractor": "Record"}
		maps.Copy(all, more)
		return all
	}
	layouts := []matrixLayout{
		{"default", nil, func(matrixRecord) string { return "partition=1" }},
		{"field", map[string]string{"partitioner.class": "FieldPartitioner", "partition.field.name": "colour"}, func(r matrixRecord) string { return "colour=" + r.Colour }},
		{"hourly", byTime(map[string]string{"partitioner.class": "HourlyPartitioner"}), func(r matrixRecord) string {
			return time.UnixMilli(r.At).In(berlin).Format("year=2006/month=01/day=02/hour=15")
		}},
		{"time", byTime(map[string]string{
			"partitioner.class": "TimeBasedPartitioner", "path.format": "'dt'=YYYY-MM-dd", "partition.duration.ms": "86400000",
			"timestamp.extractor": "RecordField", "timestamp.field": "at", "timezone": "UTC",
		}), func(r matrixRecord) string { return time.UnixMilli(r.At).UTC().Format("dt=2006-01-02") }},
	}
	rotations := []struct {
		name string
		set  map[string]string
		fits func(first, last matrixRecord, n int) bool // of a file
	}{
		{"records", map[string]string{"flush.size": "40"}, func(_, _ matrixRecord, n int) bool { return n <= 40 }},
		{"record time", map[string]string{"flush.size": "100000", "rotate.interval.ms": "1800000"}, func(first, last matrixRecord, _ int) bool {
			return last.At-first.At < 1_800_000
		}},
		{"wall clock", map[string]string{"flush.size": "100000", "rotate.schedule.interval.ms": "1000"}, func(matrixRecord, matrixRecord, int) bool { return true }},
	}
	formats := []struct {
		name, ext string
		set       map[string]string
	}{
		{"JsonFormat", ".json", nil},
		{"JsonFormat", ".json.gz", map[string]string{"sluice.compression": "gzip"}},
		{"AvroFormat", ".avro", map[string]string{"avro.codec": "deflate"}},
		{"ParquetFormat", ".parquet", map[string]string{"parquet.codec": "zstd"}},
		{"StringFormat", ".txt", nil},
		{"ByteArrayFormat", ".bin", nil},
	}
	dir := t.TempDir()
	type file struct {
		local, folder string
		first, last   int64
		fits          func(first, last matrixRecord, n int) bool
		belongs       func(r matrixRecord) string
	}
	var mu sync.Mutex
	all := 0
	tasks := map[string][]file{} // files of each combination, in the order of their offsets
	write := func(t *testing.T, name, ext string, dirOf func(matrixRecord) string, fits func(first, last matrixRecord, n int) bool, sets ...map[string]string) {
		t.Helper()
		t.Parallel()
		h, root := newWebHDFS(t, s), uniqueRoot(t)
		set := map[string]string{"store.url": s.HDFSURL() + root, "sluice.hdfs.user": superuser(t)}
		for _, more := range sets {
			maps.Copy(set, more)
		}
		w := openAt(t, newTask(t, connectors.PayloadJSON, set), -1, newAcks())
		for o := int64(0); o < records; o += 50 {
			if err := w.Write(t.Context(), matrixBatch(t, o, o+49)); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		shut(t, w)
		top := root + "/topics/" + part.Topic
		for _, remote := range h.tree(top) {
			folder, base := path.Split(strings.TrimPrefix(remote, top+"/"))
			offsets, ok := strings.CutPrefix(base, "select-color+1+")
			stem, hasExt := strings.CutSuffix(offsets, extensionOf(ext, base))
			a, b, two := strings.Cut(stem, "+")
			first, err1 := strconv.ParseInt(a, 10, 64)
			last, err2 := strconv.ParseInt(b, 10, 64)
			if !ok || !hasExt || !two || err1 != nil || err2 != nil || len(a) != 10 {
				t.Fatalf("a file is called %s", base)
			}
			data, _ := h.call(http.MethodGet, remote, "OPEN")
			mu.Lock()
			all++
			local := filepath.Join(dir, fmt.Sprintf("%d-%s", all, base))
			tasks[name] = append(tasks[name], file{local, strings.TrimSuffix(folder, "/"), first, last, fits, dirOf})
			mu.Unlock()
			if err := os.WriteFile(local, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Run("write", func(t *testing.T) {
		for _, f := range formats {
			for _, l := range layouts {
				for _, r := range rotations {
					if r.name == "record time" && (l.name == "default" || l.name == "field") {
						continue // only partitioners by time have it
					}
					if r.name != "records" && f.set == nil && f.ext != ".json" {
						continue // files of lines are made in one way
					}
					name := strings.Join([]string{f.name + f.ext, l.name, r.name}, " ")
					t.Run(name, func(t *testing.T) {
						write(t, name, f.ext, l.dir, r.fits, map[string]string{"format.class": f.name}, f.set, l.set, r.set)
					})
				}
			}
		}
	})
	args := []string{"encode/testdata/read.py", "--names"}
	for _, files := range tasks {
		for _, f := range files {
			args = append(args, f.local)
		}
	}
	cmd := exec.CommandContext(t.Context(), python, args...)
	cmd.Stderr = t.Output()
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	content, name := map[string][]matrixRecord{}, ""
	for line := range strings.Lines(string(out)) {
		line = strings.TrimSpace(line)
		if bare := strings.Trim(line, `"`); strings.HasPrefix(bare, dir) {
			name = bare
			continue
		}
		var r matrixRecord
		if text, err := strconv.Unquote(line); err == nil { // not read as JSON, but as text or bytes
			if line = text; strings.HasSuffix(name, ".bin") {
				b, err := base64.StdEncoding.DecodeString(text)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				line = string(b)
			}
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%s: %s: %v", name, line, err)
		}
		content[name] = append(content[name], r)
	}
	for _, combination := range slices.Sorted(maps.Keys(tasks)) {
		t.Run(combination, func(t *testing.T) {
			seen := make([]int, records)
			reached := map[string]int64{} // of each folder
			files := tasks[combination]
			slices.SortFunc(files, func(a, b file) int { return int(a.first - b.first) })
			for _, f := range files {
				got := content[f.local]
				if len(got) == 0 {
					t.Errorf("%s is empty", f.local)
					continue
				}
				if got[0].N != f.first || got[len(got)-1].N != f.last {
					t.Errorf("%s holds %d to %d", f.local, got[0].N, got[len(got)-1].N)
				}
				if !f.fits(got[0], got[len(got)-1], len(got)) {
					t.Errorf("%s is longer than the rotation allows: %d records", f.local, len(got))
				}
				for _, r := range got {
					if r != matrixOf(r.N) {
						t.Fatalf("%s: %+v", f.local, r)
					}
					if where := f.belongs(r); where != f.folder {
						t.Errorf("record %d lies in %s and belongs into %s", r.N, f.folder, where)
					}
					if last, ok := reached[f.folder]; ok && r.N <= last {
						t.Errorf("record %d of %s comes behind %d", r.N, f.folder, last)
					}
					reached[f.folder] = r.N
					seen[r.N]++
				}
			}
			for n, times := range seen {
				if times != 1 {
					t.Errorf("record %d is there %d times", n, times)
				}
			}
		})
	}
}

// extensionOf allows for a codec in the name of a Parquet file.
func extensionOf(ext, base string) string {
	if ext == ".parquet" {
		return base[strings.IndexByte(base, '.'):]
	}
	return ext
}
