package hdfs

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sluice-connect/sluice/connectors"
)

// document is a record of several folders: its offset, and what its folder is named by.
func document(o int64, color int) string { return fmt.Sprintf(`{"o":%d,"color":"c%d"}`, o, color) }

// foldersScene lays records out by a field, at random or in runs as times make them.
func foldersScene(rt *rapid.T) scene {
	colors := rapid.IntRange(1, 5).Draw(rt, "colors")
	run := int64(rapid.IntRange(1, 15).Draw(rt, "run"))
	salt := int64(rapid.IntRange(0, 100).Draw(rt, "salt"))
	value := func(o int64) string { return document(o, int((o/run*7919+salt)%int64(colors))) }
	return scene{
		set: map[string]string{
			"format.class": "JsonFormat", "partitioner.class": "FieldPartitioner", "partition.field.name": "color",
			"sluice.open.files.max": rapid.SampledFrom([]string{"1", "2", "100"}).Draw(rt, "open files"),
		},
		payload: connectors.PayloadJSON, value: value,
		stored: func(t interface{ Fatalf(string, ...any) }, m *model, tk *task) []int64 {
			return m.inFolders(t, tk.set.names)
		},
	}
}

// inFolders are the offsets in all committed files of the partition, sorted. Committed is what has its name, and what the
// manifest says of temporary files. Each file must be named by what it holds, and lie where its records belong.
func (m *model) inFolders(t interface{ Fatalf(string, ...any) }, n naming) (offsets []int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	files := map[string][]byte{}
	for name, data := range m.files {
		if strings.HasPrefix(name, path.Join(n.topics, part.Topic)+"/") {
			files[name] = data
		}
	}
	var record manifest
	if text, ok := m.files[n.manifest(part)]; ok {
		if err := json.Unmarshal(text, &record); err != nil {
			t.Fatalf("manifest %q: %v", text, err)
		}
	}
	for _, f := range record.Files {
		for name, data := range m.files {
			folder := path.Base(path.Dir(name))
			if path.Base(name) == f.Temp && (folder == record.Opening || strings.HasPrefix(folder, record.Opening+"-")) {
				files[path.Join(n.topics, f.Final)] = data
			}
		}
	}
	for name, data := range files {
		first, last, ok := n.parseFile(part, path.Base(name))
		if !ok {
			t.Fatalf("%s should not be there", name)
		}
		var in []int64
		for line := range strings.Lines(string(data)) {
			var d struct {
				O     int64
				Color string
			}
			if err := json.Unmarshal([]byte(line), &d); err != nil || !strings.HasSuffix(line, "\n") {
				t.Fatalf("%s: torn line %q", name, line)
			}
			if path.Base(path.Dir(name)) != "color="+d.Color {
				t.Fatalf("%s holds %s", name, line)
			}
			in = append(in, d.O)
		}
		if len(in) == 0 || in[0] != first || in[len(in)-1] != last || !slices.IsSorted(in) {
			t.Fatalf("%s holds %v", name, in)
		}
		offsets = append(offsets, in...)
	}
	slices.Sort(offsets)
	return offsets
}

// byColor starts a task that lays documents out by their field.
func byColor(t testing.TB, set map[string]string) *bench {
	t.Helper()
	raw := map[string]string{"partitioner.class": "FieldPartitioner", "partition.field.name": "color", "format.class": "JsonFormat"}
	maps.Copy(raw, set)
	b := overModel(t, raw)
	tk := newTask(t, connectors.PayloadJSON, b.raw)
	tk.open, tk.meters = b.open, b.meters
	b.task = tk
	return b
}

// names are those of all committed files, below the topic's folder.
func (b *bench) names() (names []string) {
	b.m.mu.Lock()
	defer b.m.mu.Unlock()
	for name := range b.m.files {
		if rest, ok := strings.CutPrefix(name, path.Join(b.set.names.topics, part.Topic)+"/"); ok {
			names = append(names, rest)
		}
	}
	slices.Sort(names)
	return names
}

func (b *bench) expectNames(t testing.TB, want ...string) {
	t.Helper()
	if got := b.names(); !slices.Equal(got, want) {
		t.Errorf("committed are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func (b *bench) colors(t testing.TB, w *writer, first int64, colors ...int) {
	t.Helper()
	last := first + int64(len(colors)) - 1
	if err := written(t.Context(), w, batch(first, last, func(o int64) string { return document(o, colors[o-first]) })); err != nil {
		t.Fatal(err)
	}
}

// A commit is of all open files; each has its own first and last offset, and flush.size counts the records in all of them.
func TestFilesOfSeveralFolders(t *testing.T) {
	b, a := byColor(t, map[string]string{"flush.size": "4"}), newAcks()
	w := openAt(t, b.task, -1, a)
	b.colors(t, w, 0, 1, 2, 1, 3, 2, 2, 2)
	b.expectNames(t,
		"color=c1/select-color+1+0000000000+0000000002.json",
		"color=c2/select-color+1+0000000001+0000000001.json", "color=c3/select-color+1+0000000003+0000000003.json")
	if d, _, _, _ := a.state(); d != 4 {
		t.Errorf("durable %d", d)
	}
	b.colors(t, w, 7, 2)
	if names := b.names(); len(names) != 4 || names[2] != "color=c2/select-color+1+0000000004+0000000007.json" {
		t.Errorf("%v", names)
	}
	shut(t, w)
	if left := b.temporary(); len(left) > 0 {
		t.Errorf("left are %v", left)
	}
	w = openAt(t, b.task, 0, newAcks())
	if w.Resume() != 8 {
		t.Errorf("resumes at %d", w.Resume())
	}
	shut(t, w)
}

// A record that belongs nowhere is rejected with its reason, and no empty file is made for it.
func TestRecordWithoutAPlace(t *testing.T) {
	b := byColor(t, map[string]string{"flush.size": "2"})
	a := &reasons{acks: newAcks()}
	cw, err := b.Open(t.Context(), part, -1, a)
	if err != nil {
		t.Fatal(err)
	}
	w := cw.(*writer)
	text := func(o int64) string {
		return []string{`{"color":"c1","o":0}`, `{"color":1.5}`, `[]`, `{"color":"c1","o":3}`}[o]
	}
	if err := written(t.Context(), w, batch(0, 3, text)); err != nil {
		t.Fatal(err)
	}
	if len(a.why) != 2 || connectors.CodeOf(a.why[0]) != connectors.CodeBadRecord || !strings.Contains(a.why[0].Error(), "its field color is 1.5") {
		t.Errorf("%v", a.why)
	}
	b.expectNames(t, "color=c1/select-color+1+0000000000+0000000003.json")
	shut(t, w)
}

// More folders than files may be open: those that waited longest are finished, and show themselves with the commit of all.
func TestOpenFilesAreBounded(t *testing.T) {
	b, a := byColor(t, map[string]string{"flush.size": "100", "sluice.open.files.max": "2"}), newAcks()
	w := openAt(t, b.task, -1, a)
	b.colors(t, w, 0, 1, 2, 1, 3, 1, 2, 1)
	if n := len(w.open.byFolder); n != 2 {
		t.Errorf("%d files are open", n)
	}
	b.expectNames(t)
	if err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.expectNames(t,
		"color=c1/select-color+1+0000000000+0000000006.json",
		"color=c2/select-color+1+0000000001+0000000001.json", "color=c2/select-color+1+0000000005+0000000005.json",
		"color=c3/select-color+1+0000000003+0000000003.json")
	shut(t, w)
	if n := b.buffered.get(); n != 0 {
		t.Errorf("%d bytes are held", n)
	}
}

// The memory of all open files together is bounded: the largest are streamed.
func TestMemoryOfAllOpenFiles(t *testing.T) {
	b, a := byColor(t, map[string]string{"sluice.buffer.bytes": "65536"}), newAcks()
	w := openAt(t, b.task, -1, a)
	wide := func(o int64) string {
		return fmt.Sprintf(`{"o":%d,"color":"c%d","x":"%s"}`, o, o%7, strings.Repeat("x", 500))
	}
	var most int64
	for o := int64(0); o < 2000; o += 10 {
		if err := w.Write(t.Context(), batch(o, o+9, wide)); err != nil {
			t.Fatal(err)
		}
		most = max(most, b.buffered.get())
	}
	if most > 66000 || most < 30000 {
		t.Errorf("at most %d bytes were held", most)
	}
	if err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(b.names()); n != 7 {
		t.Errorf("%d files", n)
	}
	if got := b.m.inFolders(t, b.set.names); !slices.Equal(got, sequence(0, 1999)) {
		t.Errorf("stored are %d records", len(got))
	}
	shut(t, w)
}

// Recovery looks at the last commit and into the newest folders, however many there are.
func TestRecoveryDoesNotListEverything(t *testing.T) {
	b := byColor(t, map[string]string{"flush.size": "3"})
	w := openAt(t, b.task, -1, newAcks())
	next := int64(0)
	for c := range 50 {
		b.colors(t, w, next, c, c+1, c)
		next += 3
	}
	b.colors(t, w, next, 50, 50, 50) // a single file, in a folder that is known: no manifest
	next += 3
	shut(t, w)
	b.m.calls = nil
	w = openAt(t, b.task, -1, newAcks())
	if w.Resume() != next {
		t.Errorf("resumes at %d, want %d", w.Resume(), next)
	}
	lists := slices.DeleteFunc(slices.Clone(b.m.calls), func(call string) bool {
		return !strings.HasPrefix(call, "list ") && !strings.HasPrefix(call, "folders ")
	})
	if len(lists) > 6 || len(b.m.calls) > 12 {
		t.Errorf("it took %d calls:\n%s", len(b.m.calls), strings.Join(b.m.calls, "\n"))
	}
	shut(t, w)

	// without the record of the last commit all is looked into, once
	delete(b.m.files, b.set.names.manifest(part))
	for round, want := range []bool{true, false} {
		b.m.calls = nil
		w = openAt(t, b.task, -1, newAcks())
		if w.Resume() != next {
			t.Errorf("resumes at %d, want %d", w.Resume(), next)
		}
		if n := len(b.m.calls); n > 50 != want {
			t.Errorf("round %d: %d calls", round, n)
		}
		shut(t, w)
	}

	// and when somebody has moved the files away, the group's commit counts
	for name := range b.m.files {
		if strings.Contains(name, "/color=c") {
			delete(b.m.files, name)
		}
	}
	w = openAt(t, b.task, 7, newAcks())
	if w.Resume() != 7 {
		t.Errorf("resumes at %d, want 7", w.Resume())
	}
	shut(t, w)
}

// A topic that a transformation renames has its own folder; the files keep the names of where their records come from, so
// that those of two topics never meet.
func TestRenamedTopic(t *testing.T) {
	b := overModel(t, map[string]string{"flush.size": "2"})
	w := openAt(t, b.task, -1, newAcks())
	routed, err := connectors.NewBatch(part, connectors.Columns{Records: 2, BaseOffset: 0, ValueLengths: []int32{1, 1}, Arena: []byte("01"), Topic: "colors-2026"})
	if err != nil {
		t.Fatal(err)
	}
	if err := written(t.Context(), w, routed); err != nil {
		t.Fatal(err)
	}
	b.write(t, w, 2, 3)
	shut(t, w)
	for _, name := range []string{
		"/d/topics/colors-2026/partition=1/select-color+1+0000000000+0000000001.txt",
		"/d/topics/select-color/partition=1/select-color+1+0000000002+0000000003.txt",
	} {
		if _, ok := b.m.files[name]; !ok {
			t.Errorf("there is no %s", name)
		}
	}
	w = openAt(t, b.task, -1, newAcks())
	if w.Resume() != 4 {
		t.Errorf("resumes at %d", w.Resume())
	}
	shut(t, w)
}
