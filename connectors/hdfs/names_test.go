package hdfs

import (
	"path"
	"strconv"
	"strings"
	"testing"

	"github.com/sluice-connect/sluice/connectors"
)

func TestNames(t *testing.T) {
	p := connectors.Partition{Topic: "select-color", ID: 2}
	n := naming{topics: "/data/topics", logs: "/data/logs", delim: "+", width: 10, ext: ".json"}
	for _, tc := range []struct{ what, got, want string }{
		{"folder", n.dir(p), "/data/topics/select-color/partition=2"},
		{"file", n.file(p, 0, 99), "/data/topics/select-color/partition=2/select-color+2+0000000000+0000000099.json"},
		{"growing file", n.growing(p, growing{7, 3, ".json"}), "/data/topics/select-color/partition=2/select-color+2+0000000007~3.json"},
		{"temporary folder", n.temp(p), "/data/topics/+tmp/select-color/partition=2"},
		{"folder of what was taken away", n.fenced(p), "/data/topics/+tmp/+fenced/select-color/partition=2"},
		{"progress", n.progress(p), "/data/logs/select-color/2/progress.json"},
		{"no padding", naming{topics: "/", delim: "_", ext: ""}.file(p, 5, 6), "/select-color/partition=2/select-color_2_5_6"},
		{"more digits than padding", naming{topics: "/", delim: "-", width: 2}.file(p, 12345, 123456), "/select-color/partition=2/select-color-2-12345-123456"},
	} {
		if tc.got != tc.want {
			t.Errorf("%s: %s, want %s", tc.what, tc.got, tc.want)
		}
	}
}

func TestParseFile(t *testing.T) {
	for _, tc := range []struct {
		name, delim, topic string
		id                 int32
		first, last        int64 // first -1: it is none of ours
	}{
		// what Confluent's sink has written
		{"select-color+0+0000000000+0000000099.json", "+", "select-color", 0, 0, 99},
		{"select-color+0+0000000000+0000000099.avro", "+", "select-color", 0, 0, 99},
		{"select-color+0+0000000000+0000000099.snappy.parquet", "+", "select-color", 0, 0, 99},
		{"select-color+0+0000000000+0000000099", "+", "select-color", 0, 0, 99},
		{"t+11+9999999999+10000000000.txt", "+", "t", 11, 9999999999, 10000000000},
		{"t+0+9223372036854775806+9223372036854775807.txt", "+", "t", 0, 9223372036854775806, 9223372036854775807},
		// odd topics
		{"a-1-2-0000000003-0000000004.json", "-", "a-1", 2, 3, 4},
		{"a_b__0_1_2.json", "_", "a_b_", 0, 1, 2},
		{"v1.0.json+0+1+2.json", "+", "v1.0.json", 0, 1, 2},
		{"...+0+1+1", "+", "...", 0, 1, 1},
		{"0-0-0-0-0", "-", "0-0", 0, 0, 0},
		// none of ours
		{"select-color+1+0000000000+0000000099.json", "+", "select-color", 0, -1, 0},
		{"select-color+01+0000000000+0000000099.json", "+", "select-color", 1, -1, 0},
		{"other+0+0000000000+0000000099.json", "+", "select-color", 0, -1, 0},
		{"select-color+0+0000000000.json", "+", "select-color", 0, -1, 0},
		{"select-color+0+0000000000~1.json", "+", "select-color", 0, -1, 0},
		{"select-color+0+0000000000+0000000099+1.json", "+", "select-color", 0, -1, 0},
		{"select-color+0+9+8.json", "+", "select-color", 0, -1, 0},
		{"select-color+0+-1+8.json", "+", "select-color", 0, -1, 0},
		{"select-color+0+1e3+2e3.json", "+", "select-color", 0, -1, 0},
		{"select-color+0++8.json", "+", "select-color", 0, -1, 0},
		{"select-color+0+0+9223372036854775808.json", "+", "select-color", 0, -1, 0},
		{"select-color-0-0-1.json", "+", "select-color", 0, -1, 0},
		{"a-1-0-1.json", "-", "a-1", 0, -1, 0},
		{".select-color+0+0+1.json", "+", "select-color", 0, -1, 0},
		{"_SUCCESS", "+", "select-color", 0, -1, 0},
		{"", "+", "select-color", 0, -1, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			first, last, ok := naming{delim: tc.delim, width: 10, ext: ".json"}.parseFile(connectors.Partition{Topic: tc.topic, ID: tc.id}, tc.name)
			if ok != (tc.first >= 0) || ok && (first != tc.first || last != tc.last) {
				t.Errorf("%d to %d, %v; want %d to %d", first, last, ok, tc.first, tc.last)
			}
		})
	}
}

func TestParseGrowing(t *testing.T) {
	for _, tc := range []struct {
		name string
		want growing // zero: it is none of ours
	}{
		{"t+0+0000000007~3.json", growing{7, 3, ".json"}},
		{"t+0+7~2147483647", growing{7, 2147483647, ""}},
		{"t+0+7~3.tar.gz", growing{7, 3, ".tar.gz"}},
		{"t+0+7~3.~1", growing{7, 3, ".~1"}},
		{"t+0+7~2147483648.json", growing{}},
		{"t+0+7~.json", growing{}},
		{"t+0+~3.json", growing{}},
		{"t+0+7~3~4.json", growing{}},
		{"t+0+7.json", growing{}},
		{"t+0+7.a~b", growing{}},
		{"t+0+7+9.json", growing{}},
		{"t+1+7~3.json", growing{}},
		{"u+0+7~3.json", growing{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g, ok := naming{delim: "+"}.parseGrowing(connectors.Partition{Topic: "t"}, tc.name)
			if ok != (tc.want != growing{}) || ok && g != tc.want {
				t.Errorf("%+v, %v; want %+v", g, ok, tc.want)
			}
		})
	}
}

// What lies in the folder beside the sink's own files moves nobody's offset and stays there.
func TestForeignFilesAreIgnored(t *testing.T) {
	for _, mode := range []string{modeFlush, modeAppend} {
		t.Run(mode, func(t *testing.T) {
			b := overModel(t, map[string]string{"flush.size": "3", "sluice.write.mode": mode})
			dir := b.set.names.dir(part)
			foreign := []string{
				"_SUCCESS", ".select-color+1+0000000000+0000000999.txt.crc", "select-color+2+0000000000+0000000999.txt",
				"select-color+1+x+y.txt", "select-color+1+0000000500.txt", "copy of select-color+1+0000000000+0000000999.txt",
			}
			b.mkdir(dir + "/folder")
			for _, f := range foreign {
				b.m.files[path.Join(dir, f)] = []byte("foreign")
			}
			for range 2 {
				a := newAcks()
				w := openAt(t, b.task, -1, a)
				first := max(w.Resume(), 0)
				b.write(t, w, first, first+2)
				shut(t, w)
			}
			w := openAt(t, b.task, -1, newAcks())
			if w.Resume() != 6 {
				t.Errorf("resumes at %d, want 6", w.Resume())
			}
			shut(t, w)
			for _, f := range foreign {
				if string(b.m.files[path.Join(dir, f)]) != "foreign" {
					t.Errorf("%s was touched", f)
				}
			}
		})
	}
}

// A folder that Confluent's sink has written is gone on with, also in another format.
func TestResumesBehindConfluentsFiles(t *testing.T) {
	for _, mode := range []string{modeFlush, modeAppend} {
		t.Run(mode, func(t *testing.T) {
			b := overModel(t, map[string]string{"flush.size": "3", "sluice.write.mode": mode})
			dir := b.set.names.dir(part)
			b.mkdir(dir)
			b.m.files[dir+"/select-color+1+0000000000+0000000099.json"] = []byte("{}\n")
			b.m.files[dir+"/select-color+1+0000000100+0000000149.avro"] = []byte("Obj")
			w := openAt(t, b.task, 120, newAcks())
			if w.Resume() != 150 {
				t.Errorf("resumes at %d, want 150", w.Resume())
			}
			shut(t, w)
			if w = openAt(t, b.task, 500, newAcks()); w.Resume() != 500 { // files behind the commit were moved away by somebody
				t.Errorf("resumes at %d, want 500", w.Resume())
			}
			shut(t, w)
		})
	}
}

// legal makes a Kafka topic name of any text.
func legal(s string) string {
	s = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-", r) {
			return r
		}
		return -1
	}, s)
	s = s[:min(len(s), 249)]
	if s == "" || s == "." || s == ".." {
		return "t"
	}
	return s
}

func FuzzNames(f *testing.F) {
	f.Add("select-color", int32(0), int64(0), int64(99), uint8(0), uint8(10), ".json")
	f.Add("a-1", int32(11), int64(5), int64(0), uint8(1), uint8(0), "")
	f.Add("a_1_", int32(0), int64(1<<40), int64(1<<20), uint8(2), uint8(20), ".tar.gz")
	f.Add("1", int32(1), int64(1), int64(1), uint8(3), uint8(1), "1")
	f.Add("...", int32(2147483647), int64(1<<62), int64(1<<61), uint8(4), uint8(5), ".0~1")
	f.Fuzz(func(t *testing.T, topic string, id int32, first, more int64, delim, width uint8, ext string) {
		p := connectors.Partition{Topic: legal(topic), ID: max(id, 0)}
		first, more = max(first, 0)>>1, max(more, 0)>>1
		if ext = strings.Map(func(r rune) rune {
			if r == '/' || r == 0 || r > 127 {
				return -1
			}
			return r
		}, ext); ext != "" && ext[0] != '.' {
			ext = "." + ext
		}
		n := naming{topics: "/topics", logs: "/logs", delim: string("+-_~="[delim%5]), width: int(width % 21), ext: ext}
		name := n.file(p, first, first+more)
		if path.Dir(name) != n.dir(p) {
			t.Fatalf("%s is not in %s", name, n.dir(p))
		}
		if a, b, ok := n.parseFile(p, path.Base(name)); !ok || a != first || b != first+more {
			t.Fatalf("%s reads as %d to %d, %v; want %d to %d", name, a, b, ok, first, first+more)
		}
		other := connectors.Partition{Topic: p.Topic, ID: p.ID/2 + 1<<30}
		if _, _, ok := n.parseFile(other, path.Base(name)); ok && other != p {
			t.Fatalf("%s counts for %s too", name, other)
		}
		if n.delim == "~" { // refused together with append mode
			return
		}
		g := growing{first, int(more % (1 << 31)), ext}
		name = n.growing(p, g)
		if got, ok := n.parseGrowing(p, path.Base(name)); !ok || got != g {
			t.Fatalf("%s reads as %+v, %v; want %+v", name, got, ok, g)
		}
		if a, b, ok := n.parseFile(p, path.Base(name)); ok {
			t.Fatalf("%s, which grows, reads as committed from %d to %d", name, a, b)
		}
		if got, ok := n.parseGrowing(p, path.Base(n.file(p, first, first+more))); ok {
			t.Fatalf("a committed file reads as growing: %+v", got)
		}
	})
}

// Any name that may lie in the folder is read without harm, and what reads as ours reads as what it says.
func FuzzParseForeign(f *testing.F) {
	for _, s := range []string{"", "+", "t+0+", "t+0+1+2", "t+0+1~2.x", "t+0+18446744073709551616+1", "t+0+1+2+3", "t+0+٣+٤"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		p := connectors.Partition{Topic: "t"}
		n := naming{delim: "+", ext: ".x"}
		if first, last, ok := n.parseFile(p, name); ok {
			if first < 0 || last < first || !strings.Contains(name, strconv.FormatInt(first, 10)) || !strings.Contains(name, strconv.FormatInt(last, 10)) {
				t.Fatalf("%q reads as %d to %d", name, first, last)
			}
			if _, both := n.parseGrowing(p, name); both {
				t.Fatalf("%q reads as both", name)
			}
		}
		if g, ok := n.parseGrowing(p, name); ok && (g.first < 0 || g.generation < 0) {
			t.Fatalf("%q reads as %+v", name, g)
		}
	})
}
