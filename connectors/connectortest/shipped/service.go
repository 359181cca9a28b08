package shipped

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/user"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/connectors/connectortest"
)

// HDFS is a folder in HDFS; hdfsURL and webURL are addresses of its namenode.
func HDFS(tb testing.TB, hdfsURL, webURL string, values connectors.Payload, mode map[string]string) connectortest.Target {
	tb.Helper()
	root := "/" + unique()
	r := webHDFS{webURL}
	tb.Cleanup(func() {
		if _, err := r.call(context.Background(), http.MethodDelete, root, "op=DELETE&recursive=true&user.name="+url.QueryEscape(hadoopUser())); err != nil {
			tb.Error(err)
		}
	})
	return connectortest.Target{
		Config: hdfsConfig(hdfsURL+root, values, mode),
		Stored: func(ctx context.Context) ([][]byte, error) { return r.read(ctx, path.Join(root, topicsDir)) },
	}
}

// webHDFS reads HDFS over plain HTTP.
type webHDFS struct{ url string }

// call reads again what breaks off: a file may be appended to or go away meanwhile, which datanodes and namenode learn one after the other.
func (r webHDFS) call(ctx context.Context, method, name, query string) (answer []byte, err error) {
	for range 4 {
		answer, err = call(ctx, method, r.url+"/webhdfs/v1"+(&url.URL{Path: name}).EscapedPath()+"?"+query, "")
		if err == nil || method != http.MethodGet || errors.Is(err, fs.ErrNotExist) || ctx.Err() != nil {
			break
		}
		time.Sleep(100 * time.Millisecond) // HDFS tells nobody
	}
	return answer, err
}

// read gives the lines of all committed files under a folder.
func (r webHDFS) read(ctx context.Context, dir string) ([][]byte, error) {
	answer, err := r.call(ctx, http.MethodGet, dir, "op=LISTSTATUS")
	if err != nil {
		return nil, missing(err)
	}
	var list struct {
		FileStatuses struct {
			FileStatus []struct{ PathSuffix, Type string } // HDFS sorts them
		}
	}
	if err := json.Unmarshal(answer, &list); err != nil {
		return nil, fmt.Errorf("listing %s: %w", dir, err)
	}
	var all [][]byte
	for _, f := range list.FileStatuses.FileStatus {
		if hidden(f.PathSuffix) {
			continue
		}
		name := path.Join(dir, f.PathSuffix)
		var found [][]byte
		if f.Type == "DIRECTORY" {
			found, err = r.read(ctx, name)
		} else {
			var text []byte
			text, err = r.call(ctx, http.MethodGet, name, "op=OPEN")
			found, err = lines(text), missing(err)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// Elasticsearch is an index for each topic; address is that of a node.
func Elasticsearch(tb testing.TB, address string) connectortest.Target {
	tb.Helper()
	topic := unique()
	tb.Cleanup(func() {
		for _, index := range []string{topic, topic + "-other"} {
			if _, err := call(context.Background(), http.MethodDelete, address+"/"+index+"?ignore_unavailable=true", ""); missing(err) != nil {
				tb.Error(err)
			}
		}
	})
	return connectortest.Target{
		Config: map[string]string{"connection.url": address, "key.ignore": "true", "read.timeout.ms": "20000"},
		Topic:  topic,
		Stored: func(ctx context.Context) ([][]byte, error) { return documents(ctx, address, topic+"*") },
	}
}

// mostDocuments is the largest page that Elasticsearch gives, and far more than a case of the suite writes.
const mostDocuments = 10_000

// documents gives all documents of some indices. An index that is just being made has no shards yet and is waited for.
func documents(ctx context.Context, address, indices string) ([][]byte, error) {
	for {
		all, err := search(ctx, address+"/"+indices)
		if !errors.Is(err, errBusy) {
			return all, err
		}
		if _, err := call(ctx, http.MethodGet, address+"/_cluster/health/"+indices+"?wait_for_status=yellow&timeout=10s", ""); err != nil {
			return nil, err
		}
	}
}

func search(ctx context.Context, indices string) ([][]byte, error) {
	if _, err := call(ctx, http.MethodPost, indices+"/_refresh", ""); err != nil {
		return nil, err
	}
	answer, err := call(ctx, http.MethodPost, indices+"/_search", fmt.Sprintf(`{"size":%d}`, mostDocuments))
	if err != nil {
		return nil, err
	}
	var page struct {
		Hits struct {
			Hits []struct {
				Source json.RawMessage `json:"_source"`
			}
		}
	}
	if err := json.Unmarshal(answer, &page); err != nil {
		return nil, fmt.Errorf("reading %s: %w", indices, err)
	}
	all := make([][]byte, len(page.Hits.Hits))
	for i, h := range page.Hits.Hits {
		all[i] = h.Source
	}
	if len(all) == mostDocuments {
		return nil, fmt.Errorf("reading %s: there are more documents than a page holds", indices)
	}
	return all, nil
}

// Silent gives the address of a service that takes connections and never answers.
func Silent(tb testing.TB) string {
	tb.Helper()
	listener, err := new(net.ListenConfig).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := listener.Close(); err != nil {
			tb.Error(err)
		}
	})
	return listener.Addr().String() // the kernel takes the connections; nobody here does
}

// unique is a name that no other target has, fit for an index, a folder and a topic.
func unique() string { return "acceptance-" + strings.ToLower(rand.Text()) }

// errBusy is the answer of a service that cannot do it at the moment.
var errBusy = errors.New("the service is not ready")

// call makes a request on a connection of its own. What does not exist is fs.ErrNotExist.
func call(ctx context.Context, method, address, body string) (answer []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, res.Body.Close()) }()
	answer, err = io.ReadAll(res.Body)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s %s: %w", method, address, err)
	case res.StatusCode == http.StatusNotFound:
		return nil, fmt.Errorf("%s %s: %w", method, address, fs.ErrNotExist)
	case res.StatusCode == http.StatusServiceUnavailable:
		return nil, fmt.Errorf("%s %s: %w: %.300s", method, address, errBusy, answer)
	case res.StatusCode > 299:
		return nil, fmt.Errorf("%s %s: %s: %.300s", method, address, res.Status, bytes.TrimSpace(answer))
	}
	return answer, nil
}

// hadoopUser is who the sink writes as.
func hadoopUser() string {
	if u, err := user.Current(); err == nil {
		return cmp.Or(os.Getenv("HADOOP_USER_NAME"), u.Username)
	}
	return os.Getenv("HADOOP_USER_NAME")
}
