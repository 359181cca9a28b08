package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"
)

// event is what the web service publishes.
type event struct {
	Timestamp string `json:"timestamp"`
	UserAgent string `json:"userAgent"`
	Color     string `json:"colorName"`
	User      string `json:"userName"`
}

var fileName = regexp.MustCompile(`^(.+)\+(\d+)\+(\d+)\+(\d+)\.json$`)

// readHDFS counts, for every user, the events under a topic's folder. It checks that the files' names say what is in
// them and that no offset is covered twice.
func readHDFS(t testing.TB, webhdfs, topic string) map[string]int {
	t.Helper()
	seen := map[string]int{}
	type span struct{ first, last int64 }
	spans := map[string][]span{}
	texts := filesHDFS(t, webhdfs, func() []string { return listHDFS(t, webhdfs, "/topics/"+topic) })
	for _, path := range slices.Sorted(maps.Keys(texts)) {
		m := fileName.FindStringSubmatch(path[strings.LastIndexByte(path, '/')+1:])
		if m == nil {
			t.Errorf("a file whose name says nothing: %s", path)
			continue
		}
		first, _ := strconv.ParseInt(m[3], 10, 64)
		last, _ := strconv.ParseInt(m[4], 10, 64)
		spans[m[2]] = append(spans[m[2]], span{first, last})
		lines := int64(0)
		for line := range bytes.Lines(texts[path]) {
			if line[len(line)-1] != '\n' {
				t.Errorf("%s is torn: %.80q", path, line)
			}
			var e event
			if err := json.Unmarshal(line, &e); err != nil {
				t.Errorf("%s: %v: %.80q", path, err, line)
			}
			seen[e.User]++
			lines++
		}
		if lines != last-first+1 {
			t.Errorf("%s holds %d lines, its name says %d", path, lines, last-first+1)
		}
	}
	for partition, s := range spans {
		sort.Slice(s, func(i, j int) bool { return s[i].first < s[j].first })
		for i, f := range s {
			want := int64(0)
			if i > 0 {
				want = s[i-1].last + 1
			}
			if f.first != want {
				t.Errorf("partition %s: a file begins at offset %d, expected %d", partition, f.first, want)
			}
		}
	}
	return seen
}

func listHDFS(t testing.TB, webhdfs, dir string) []string {
	t.Helper()
	var list struct {
		FileStatuses struct {
			FileStatus []struct {
				PathSuffix string `json:"pathSuffix"`
				Type       string `json:"type"`
			}
		}
	}
	if err := get(webhdfs+"/webhdfs/v1"+dir+"?op=LISTSTATUS", &list); err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, f := range list.FileStatuses.FileStatus {
		path := dir + "/" + url.PathEscape(f.PathSuffix)
		if f.Type == "DIRECTORY" {
			files = append(files, listHDFS(t, webhdfs, path)...)
		} else {
			files = append(files, dir+"/"+f.PathSuffix)
		}
	}
	return files
}

// filesHDFS reads files as they are at one moment. What a process has asked for before it was killed the namenode may do a moment later:
// then they are listed and read again.
func filesHDFS(t testing.TB, webhdfs string, list func() []string) (texts map[string][]byte) {
	t.Helper()
	eventually(t, patience, "files that stay while they are read", func() error {
		files := list()
		texts = make(map[string][]byte, len(files))
		for _, path := range files {
			text, err := openHDFS(webhdfs, path)
			if err != nil {
				return err
			}
			texts[path] = text
		}
		if again := list(); !slices.Equal(files, again) {
			return fmt.Errorf("listed were %v, and then %v", files, again)
		}
		return nil
	})
	return texts
}

func openHDFS(webhdfs, path string) ([]byte, error) {
	resp, err := http.Get(webhdfs + "/webhdfs/v1" + strings.ReplaceAll(path, "+", "%2B") + "?op=OPEN")
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(bufio.NewReader(resp.Body))
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading %s: %w", path, err)
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("reading %s: %s: %.300s", path, resp.Status, b)
	}
	return b, nil
}

// readElasticsearch counts, for every user, the documents of an index.
func readElasticsearch(t testing.TB, es, index string) map[string]int {
	t.Helper()
	if err := post(es+"/"+index+"/_refresh", "", nil); err != nil {
		t.Fatal(err)
	}
	type page struct {
		ScrollID string `json:"_scroll_id"`
		Hits     struct {
			Hits []struct {
				Source event `json:"_source"`
			}
		}
	}
	seen := map[string]int{}
	var p page
	if err := post(es+"/"+index+"/_search?scroll=1m&size=5000", `{"sort":["_doc"]}`, &p); err != nil {
		t.Fatal(err)
	}
	for len(p.Hits.Hits) > 0 {
		for _, h := range p.Hits.Hits {
			seen[h.Source.User]++
		}
		body := fmt.Sprintf(`{"scroll":"1m","scroll_id":%q}`, p.ScrollID)
		p = page{}
		if err := post(es+"/_search/scroll", body, &p); err != nil {
			t.Fatal(err)
		}
	}
	return seen
}

func post(url, body string, out any) error {
	resp, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		return fmt.Errorf("POST %s: %s: %.300s", url, resp.Status, b)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(b, out)
}

// exactlyOnce checks that every wanted user was seen once, and nobody else.
func exactlyOnce(t testing.TB, where string, want []string, seen map[string]int) {
	t.Helper()
	missing, twice := 0, 0
	for _, u := range want {
		switch n := seen[u]; {
		case n == 0:
			if missing++; missing <= 5 {
				t.Errorf("%s: %s is missing", where, u)
			}
		case n > 1:
			if twice++; twice <= 5 {
				t.Errorf("%s: %s is there %d times", where, u, n)
			}
		}
	}
	if len(seen) > len(want)-missing {
		t.Errorf("%s: %d users that nobody sent", where, len(seen)-len(want)+missing)
	}
	t.Logf("%s: %d events, %d missing, %d more than once", where, len(want), missing, twice)
}
