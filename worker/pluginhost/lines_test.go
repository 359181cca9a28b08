package pluginhost

import (
	"log/slog"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestLines(t *testing.T) {
	for name, c := range map[string]struct {
		in   string
		want []string
	}{
		"plain":                  {"one\ntwo\n", []string{"INFO one", "INFO two"}},
		"without an end":         {"one\ntwo", []string{"INFO one", "INFO two"}},
		"empty lines":            {"\n\r\n  \none\r\n", []string{"INFO one"}},
		"of the kit":             {`{"time":"2026-01-01T00:00:00Z","level":"WARN","msg":"disk","free":3,"connector":"x"}` + "\n", []string{"WARN disk free=3"}},
		"of hclog":               {`{"@level":"error","@message":"disk","@timestamp":"x","@module":"m","path":"/a"}` + "\n", []string{"ERROR disk path=/a"}},
		"a level nobody knows":   {`{"level":"loud","msg":"x"}` + "\n", []string{"INFO x"}},
		"JSON that is no log":    {`{"a":1}` + "\n", []string{`INFO {"a":1}`}},
		"message is no text":     {`{"@message":1}` + "\n", []string{`INFO {"@message":1}`}},
		"half JSON":              {`{"msg":"x"` + "\n", []string{`INFO {"msg":"x"`}},
		"not UTF-8":              {"a\xff\xfeb\n", []string{"INFO a\uFFFDb"}},
		"longer than a line may": {strings.Repeat("x", maxLine+10) + "\nnext\n", []string{"INFO " + strings.Repeat("x", 1000) + " left_out_bytes=10", "INFO next"}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, piece := range []int{1, 7, 1 << 20} { // however it arrives
				log := &capture{}
				l := newLines(slog.New(log), slog.LevelInfo)
				for in := []byte(c.in); len(in) > 0; {
					n, err := l.Write(in[:min(piece, len(in))])
					if err != nil {
						t.Fatal(err)
					}
					in = in[n:]
				}
				l.finish()
				if got := log.all(); strings.Join(got, "|") != strings.Join(c.want, "|") {
					t.Errorf("in pieces of %d: %.300q", piece, got)
				}
			}
		})
	}
}

func TestFloodIsThinnedOut(t *testing.T) {
	log := &capture{}
	l := newLines(slog.New(log), slog.LevelInfo)
	now := time.Unix(0, 0)
	l.now = func() time.Time { return now }
	for range 10 * lineBurst {
		_, _ = l.Write([]byte("x\n")) // never fails
	}
	if n := len(log.all()); n != lineBurst {
		t.Errorf("%d lines at once", n)
	}
	now = now.Add(time.Second)
	_, _ = l.Write([]byte("y\n")) // never fails
	got := log.all()[lineBurst:]
	if len(got) != 2 || got[0] != "WARN plugin logs too much; lines were left out lines=18000" || got[1] != "INFO y" {
		t.Errorf("afterwards: %q", got)
	}
}

func TestTail(t *testing.T) {
	l := newLines(slog.New(slog.DiscardHandler), slog.LevelInfo)
	for range 100 {
		_, _ = l.Write([]byte(strings.Repeat("é", 300) + "\n")) // never fails
	}
	_, _ = l.Write([]byte(`{"level":"ERROR","msg":"the last","code":5}` + "\n"))
	end := l.end()
	if len(end) > tailBytes || !strings.HasSuffix(end, "\nthe last code=5") || !utf8.ValidString(end) {
		t.Errorf("%d bytes: %.100q", len(end), end)
	}
}

func FuzzLines(f *testing.F) {
	for _, s := range []string{"a\nb", `{"@message":1}` + "\n", `{"msg":"x","a":{"b":[null]}}` + "\n", "\xff\x00\r\n", "{\n"} {
		f.Add([]byte(s), 3)
	}
	f.Fuzz(func(t *testing.T, in []byte, piece int) {
		log := &capture{}
		l := newLines(slog.New(log), slog.LevelInfo)
		piece = max(1, piece)
		for rest := in; len(rest) > 0; {
			n, err := l.Write(rest[:min(piece, len(rest))])
			if err != nil || n == 0 {
				t.Fatal(n, err)
			}
			rest = rest[n:]
		}
		l.finish()
		if len(l.buf) > 0 || len(l.tail) > tailLines || len(l.end()) > tailBytes {
			t.Errorf("kept %d bytes, %d lines, %d bytes of the end", len(l.buf), len(l.tail), len(l.end()))
		}
		if lines := strings.Count(string(in), "\n") + 1; len(log.all()) > lines {
			t.Errorf("%d lines of %d", len(log.all()), lines)
		}
		if !utf8.ValidString(l.end()) {
			t.Error("the end is not UTF-8")
		}
	})
}
