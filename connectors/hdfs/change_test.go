package hdfs

import (
	"maps"
	"path"
	"strings"
	"testing"

	"github.com/sluice-connect/sluice/connectors"
)

// A connector whose mode or format is changed goes on behind what its files hold, even where the consumer group's commit
// lags behind them, and what its last writer left unacknowledged is cut off.
func TestGoesOnAfterAChange(t *testing.T) {
	for _, tc := range []struct {
		name          string
		before, after map[string]string
	}{
		{"flush to append", map[string]string{}, map[string]string{"sluice.write.mode": modeAppend}},
		{"append to flush", map[string]string{"sluice.write.mode": modeAppend}, map[string]string{}},
		{"format in flush mode", map[string]string{}, map[string]string{"format.class": "JsonFormat"}},
		{"format in append mode", map[string]string{"sluice.write.mode": modeAppend}, map[string]string{"sluice.write.mode": modeAppend, "format.class": "JsonFormat"}},
		{"append to flush with another format", map[string]string{"sluice.write.mode": modeAppend}, map[string]string{"format.class": "JsonFormat"}},
		{"width of offsets", map[string]string{"sluice.write.mode": modeAppend}, map[string]string{"sluice.write.mode": modeAppend, "filename.offset.zero.pad.width": "3"}},
		{"flush size", map[string]string{"flush.size": "3"}, map[string]string{"flush.size": "6"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			with := func(set map[string]string, m *model) *bench {
				all := map[string]string{"flush.size": "3"}
				maps.Copy(all, set)
				b := overModel(t, all)
				if m != nil {
					b.m = m
				}
				return b
			}
			old := with(tc.before, nil)
			w := openAt(t, old.task, -1, newAcks())
			old.write(t, w, 0, 5)
			if tc.before["sluice.write.mode"] == modeAppend { // an append whose record never came about
				for _, name := range old.committed() {
					old.m.files[path.Join(old.set.names.dir(part), name)] = []byte("0\n1\n2\n3\n4\n5\n6\n7")
				}
			}
			young := with(tc.after, old.m)
			for range 3 {
				w := openAt(t, young.task, 2, newAcks())
				if first := w.Resume(); first%6 != 0 {
					t.Fatalf("resumes at %d", first)
				}
				young.write(t, w, w.Resume(), w.Resume()+5)
				shut(t, w)
			}
			if err := w.Flush(t.Context()); err != nil {
				t.Errorf("the old writer holds nothing, and yet: %v", err)
			}
			shut(t, w)
			var all []string // of all files, which their names bring into order
			for _, name := range young.committed() {
				data := string(young.m.files[path.Join(young.set.names.dir(part), name)])
				if !strings.HasSuffix(data, "\n") {
					t.Errorf("%s ends with %q", name, data)
				}
				if quotes, lines := strings.Count(data, `"`), strings.Count(data, "\n"); strings.HasSuffix(name, ".json") && quotes != 2*lines || strings.HasSuffix(name, ".txt") && quotes > 0 {
					t.Errorf("%s holds another format: %q", name, data)
				}
				all = append(all, strings.Fields(strings.ReplaceAll(data, `"`, ""))...)
			}
			if got := strings.Join(all, " "); got != "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23" {
				t.Errorf("stored are %s in %v", got, young.committed())
			}
		})
	}
}

// The growing file and what the progress file says of it belong together; what does not fit is told and not mended.
func TestProgressThatDoesNotFit(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(b *bench, growing, progress string)
		want   string // of the error; "": none
		resume int64
	}{
		{"as it was", func(*bench, string, string) {}, "", 6},
		{"no text", func(b *bench, _, p string) { b.m.files[p] = nil }, "it is no progress file", 0},
		{"no JSON", func(b *bench, _, p string) { b.m.files[p] = []byte("<html>") }, `it is no progress file: "<html>"`, 0},
		{"nonsense", func(b *bench, _, p string) { b.m.files[p] = []byte(`{"length":-1}`) }, "it is no progress file", 0},
		{"the file was cut", func(b *bench, g, _ string) { b.m.files[g] = b.m.files[g][:5] }, "it has 5 bytes, the progress file says 12", 0},
		{"the file was moved away", func(b *bench, g, _ string) { delete(b.m.files, g) }, "", 4},
		{"both were moved away", func(b *bench, g, p string) { delete(b.m.files, g); delete(b.m.files, p) }, "", 4},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := overModel(t, map[string]string{"flush.size": "3", "sluice.write.mode": modeAppend})
			w := openAt(t, b.task, -1, newAcks())
			b.write(t, w, 0, 5)
			shut(t, w)
			tc.change(b, path.Join(b.set.names.dir(part), b.committed()[0]), b.set.names.progress(part))
			cw, err := b.Open(t.Context(), part, 4, newAcks())
			if tc.want != "" {
				if connectors.CodeOf(err) != connectors.CodeFatal || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), "to begin anew") {
					t.Fatalf("open: %v; want %q in it", err, tc.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if cw.Resume() != tc.resume {
				t.Errorf("resumes at %d, want %d", cw.Resume(), tc.resume)
			}
			shut(t, cw.(*writer))
		})
	}
}
