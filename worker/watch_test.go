package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-connect/sluice/api/client"
)

// film is a worker that shows one picture after the other, and the last one for ever. An empty one is no answer.
type film struct {
	pictures []string
	shown    int
}

func (f *film) RoundTrip(*http.Request) (*http.Response, error) {
	picture := f.pictures[min(f.shown, len(f.pictures)-1)]
	f.shown++
	if picture == "" {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	}
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(picture))}, nil
}

// picture shows the connector a with one task, and beside it b.
func picture(connector, task, trace string) string {
	return `{"a":{"status":{"name":"a","connector":{"state":"` + connector + `","worker_id":"w:1"},"tasks":[{"id":0,"state":"` + task + `","worker_id":"w:1","trace":"` + trace + `"}]}},"b":{"status":{"name":"b","connector":{"state":"PAUSED","worker_id":"w:2"},"tasks":[]}}}`
}

// TestWatch shows changes as they come, over ten looks.
func TestWatch(t *testing.T) {
	for _, test := range []struct {
		name     string
		pictures []string
		names    []string
		json     bool
		code     int
	}{
		{name: "watch-nothing-new", pictures: []string{picture("RUNNING", "RUNNING", "")}},
		{name: "watch-changes", pictures: []string{
			picture("RUNNING", "RUNNING", ""), picture("RUNNING", "RUNNING", "no route\\nto host"), picture("RUNNING", "FAILED", "gave up\\nat last"),
			picture("RUNNING", "RESTARTING", ""), picture("RUNNING", "RUNNING", ""), `{}`,
		}},
		{name: "watch-one", names: []string{"a"}, pictures: []string{picture("RUNNING", "RUNNING", ""), picture("PAUSED", "PAUSED", "")}},
		{name: "watch-json", names: []string{"a"}, json: true, pictures: []string{picture("RUNNING", "RUNNING", ""), picture("RUNNING", "FAILED", "gave up\\nat last")}, code: exitFailed},
		{name: "watch-none", names: []string{"none"}, pictures: []string{`{}`}, code: exitNotFound},
		{name: "watch-worker-away", pictures: []string{picture("RUNNING", "RUNNING", ""), "", "", picture("RUNNING", "PAUSED", "")}},
		{name: "watch-no-worker", pictures: []string{""}, code: exitError},
		{name: "watch-failed", pictures: []string{picture("FAILED", "FAILED", "")}, code: exitFailed},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, err := client.New(client.Config{URLs: []string{"http://worker"}, Transport: &film{pictures: test.pictures}})
				if err != nil {
					t.Fatal(err)
				}
				var out, errs bytes.Buffer
				w := watcher{Client: c, out: output{w: &out, json: test.json}, errs: &errs, names: test.names, interval: time.Second, zone: time.UTC}
				ctx, cancel := context.WithTimeout(t.Context(), 9500*time.Millisecond)
				defer cancel()
				err = explain(w.run(ctx))
				if err != nil {
					errs.WriteString("sluice: " + err.Error() + "\n")
				}
				if code := exitCode(err); code != test.code {
					t.Errorf("exit %d, want %d", code, test.code)
				}
				golden(t, test.name, out.String()+"---\n"+errs.String())
			})
		})
	}
}
