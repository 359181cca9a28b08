//go:build stack

package hdfs

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	osuser "os/user"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sluice-connect/sluice/examples/stack"
)

// webHDFS reads what is stored over plain HTTP, without any of the sink's code, and prepares folders as the superuser, who
// is whoever started the namenode.
type webHDFS struct {
	t      testing.TB
	url    string
	client http.Client
}

func newWebHDFS(t testing.TB, s *stack.Stack) *webHDFS {
	t.Helper()
	return &webHDFS{t: t, url: s.WebHDFSURL() + "/webhdfs/v1", client: http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
}

// superuser is the user whom HDFS refuses nothing.
func superuser(t testing.TB) string {
	t.Helper()
	u, err := osuser.Current()
	if err != nil {
		t.Fatal(err)
	}
	return u.Username
}

// call gives the answer, or ok false where nothing is there. An answer that breaks off, or does not come, is asked for again: a
// datanode no longer has the blocks of a file that was removed while it was read, which the namenode says at the next time.
func (h *webHDFS) call(method, name, op string, more ...string) (answer []byte, ok bool) {
	h.t.Helper()
	for again := 3; ; again-- {
		answer, ok, err := h.ask(method, name, op, more...)
		if err == nil {
			return answer, ok
		}
		if again == 0 || method != http.MethodGet {
			h.t.Fatal(err)
		}
		_ = sleep(h.t.Context(), 100*time.Millisecond)
	}
}

func (h *webHDFS) ask(method, name, op string, more ...string) (answer []byte, ok bool, err error) {
	h.t.Helper()
	q := url.Values{"op": {op}, "user.name": {superuser(h.t)}}
	for i := 0; i < len(more); i += 2 {
		q.Set(more[i], more[i+1])
	}
	req, err := http.NewRequestWithContext(h.t.Context(), method, h.url+(&url.URL{Path: name}).EscapedPath()+"?"+q.Encode(), nil)
	if err != nil {
		h.t.Fatal(err)
	}
	res, err := h.client.Do(req)
	if err != nil {
		return nil, false, err
	}
	defer res.Body.Close()
	answer, err = io.ReadAll(res.Body)
	switch {
	case err != nil:
		return nil, false, fmt.Errorf("%s %s of %s: %w", method, op, name, err)
	case res.StatusCode == http.StatusNotFound:
		return nil, false, nil
	case res.StatusCode != http.StatusOK:
		return nil, false, fmt.Errorf("%s %s of %s: HTTP %d: %s", method, op, name, res.StatusCode, answer)
	}
	return answer, true, nil
}

// list gives the names in a folder, in order.
func (h *webHDFS) list(dir string) (names []string) {
	h.t.Helper()
	answer, ok := h.call(http.MethodGet, dir, "LISTSTATUS")
	if !ok {
		return nil
	}
	var r struct {
		FileStatuses struct {
			FileStatus []struct{ PathSuffix string }
		}
	}
	if err := json.Unmarshal(answer, &r); err != nil {
		h.t.Fatal(err)
	}
	for _, f := range r.FileStatuses.FileStatus {
		names = append(names, f.PathSuffix)
	}
	slices.Sort(names)
	return names
}

// tree gives the files below a folder.
func (h *webHDFS) tree(dir string) (files []string) {
	h.t.Helper()
	answer, ok := h.call(http.MethodGet, dir, "LISTSTATUS")
	if !ok {
		return nil
	}
	var r struct {
		FileStatuses struct {
			FileStatus []struct{ PathSuffix, Type string }
		}
	}
	if err := json.Unmarshal(answer, &r); err != nil {
		h.t.Fatal(err)
	}
	for _, f := range r.FileStatuses.FileStatus {
		name := path.Join(dir, f.PathSuffix)
		if f.Type == "DIRECTORY" {
			files = append(files, h.tree(name)...)
		} else {
			files = append(files, name)
		}
	}
	return files
}

// owner gives the user of a file or folder.
func (h *webHDFS) owner(name string) string {
	h.t.Helper()
	answer, ok := h.call(http.MethodGet, name, "GETFILESTATUS")
	var r struct{ FileStatus struct{ Owner string } }
	if err := json.Unmarshal(answer, &r); !ok || err != nil {
		h.t.Fatalf("%s: %v, %s", name, err, answer)
	}
	return r.FileStatus.Owner
}

func (h *webHDFS) mkdir(dir, mode string) {
	h.t.Helper()
	h.call(http.MethodPut, dir, "MKDIRS", "permission", mode)
}

func (h *webHDFS) chmod(name, mode string) {
	h.t.Helper()
	h.call(http.MethodPut, name, "SETPERMISSION", "permission", mode)
}

// counted is what the progress file of append mode says of a growing file.
type counted struct {
	File   string
	Length int
}

// growing are those that the progress file names: the present one, and those that were left.
func (h *webHDFS) growing(root string) (present counted, left []counted) {
	h.t.Helper()
	var progress struct {
		counted
		Left []counted
	}
	if answer, ok := h.call(http.MethodGet, root+"/logs/select-color/1/progress.json", "OPEN"); ok {
		if err := json.Unmarshal(answer, &progress); err != nil {
			h.t.Fatal(err)
		}
	}
	return progress.counted, progress.Left
}

func (h *webHDFS) left(root string) []counted {
	h.t.Helper()
	_, left := h.growing(root)
	return left
}

// stored reads the numbers at the beginning of the lines below a root folder, and checks that files hold what their names
// say. Of the growing files that the progress file names counts what it says.
func (h *webHDFS) stored(root string) []int64 {
	h.t.Helper()
	present, left := h.growing(root)
	return h.read(root, append(left, present))
}

func (h *webHDFS) read(root string, counting []counted) (offsets []int64) {
	h.t.Helper()
	dir := root + "/topics/select-color/partition=1"
	for _, name := range h.list(dir) {
		data, _ := h.call(http.MethodGet, path.Join(dir, name), "OPEN")
		for _, c := range counting {
			if name != c.File {
				continue
			}
			if len(data) < c.Length {
				h.t.Fatalf("%s has %d bytes; %d count", name, len(data), c.Length)
			}
			data = data[:c.Length]
		}
		from := len(offsets)
		for line := range strings.Lines(string(data)) {
			head, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ".")
			o, err := strconv.ParseInt(head, 10, 64)
			if err != nil || !strings.HasSuffix(line, "\n") {
				h.t.Fatalf("%s: torn line %.50q", name, line)
			}
			offsets = append(offsets, o)
		}
		if part := strings.Split(strings.TrimSuffix(name, ".txt"), "+"); len(part) == 4 {
			if got, want := fmt.Sprintf("%010d+%010d", offsets[from], offsets[len(offsets)-1]), part[2]+"+"+part[3]; got != want {
				h.t.Errorf("%s holds %s", name, got)
			}
		}
	}
	return offsets
}

// expectStored wants the offsets [0,n) once each and in order.
func (h *webHDFS) expectStored(root string, n int64) {
	h.t.Helper()
	h.expectOffsets(root, h.stored(root), n)
}

// expectWhole wants them of whole files, whatever the progress file says.
func (h *webHDFS) expectWhole(root string, n int64) {
	h.t.Helper()
	h.expectOffsets(root, h.read(root, nil), n)
}

func (h *webHDFS) expectOffsets(root string, got []int64, n int64) {
	h.t.Helper()
	if slices.Equal(got, sequence(0, n-1)) {
		return
	}
	i := 0
	for i < len(got) && got[i] == int64(i) {
		i++
	}
	h.t.Errorf("%s: %d records of %d; from record %d on they are %v", root, len(got), n, i, got[i:min(i+20, len(got))])
}

// expect wants no temporary files besides.
func (h *webHDFS) expect(root string, n int64) {
	h.t.Helper()
	h.expectStored(root, n)
	for _, dir := range []string{"", "/+fenced"} {
		if left := h.list(root + "/topics/+tmp" + dir + "/select-color/partition=1"); len(left) > 0 {
			h.t.Errorf("%s: left behind in +tmp%s: %v", root, dir, left)
		}
	}
}

// uniqueRoot is a folder that no other run of this test uses.
func uniqueRoot(t testing.TB) string {
	t.Helper()
	return "/" + strings.NewReplacer("/", "-", " ", "-").Replace(t.Name()) + "-" + rand.Text()[:8]
}
