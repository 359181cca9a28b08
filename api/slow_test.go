package api

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// dial opens a connection to the first listener, which ends with the test.
func dial(t *testing.T, s *Server) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", s.URLs()[0].Host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(2 * time.Minute)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// Clients that send slowly are cut off (invariant 4): one that has begun a body is told so.
func TestClientsThatSendSlowly(t *testing.T) {
	s := listen(t, ServerOptions{
		Listeners: []string{"http://127.0.0.1:0"}, Patience: Patience{Header: 3 * time.Second, Body: 3 * time.Second},
	})
	s.Attach(newRunning())
	tests := []struct {
		name, send string
		status     int // 0: the connection ends without an answer
	}{
		{"nothing", "", 0},
		{"half a header", "GET /connectors HTTP/1.1\r\nHost: x\r\nX-", http.StatusBadRequest},
		{"half a body", "POST /connectors HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{", http.StatusRequestTimeout},
		{"a chunk of many", "PUT /connectors/g1/config HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n", http.StatusRequestTimeout},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			conn := dial(t, s)
			if _, err := io.WriteString(conn, tt.send); err != nil {
				t.Fatal(err)
			}
			answer, err := io.ReadAll(conn) // until the server closes
			if err != nil {
				t.Fatalf("the connection stays open: %v", err)
			}
			if tt.status == 0 {
				if len(answer) > 0 {
					t.Errorf("answered %s", answer)
				}
				return
			}
			resp, err := http.ReadResponse(bufio.NewReader(strings.NewReader(string(answer))), nil)
			if err != nil {
				t.Fatalf("%v: %s", err, answer)
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if resp.StatusCode != tt.status || err != nil || tt.status == http.StatusRequestTimeout && !strings.Contains(string(body), "too slowly") {
				t.Errorf("answered %d %s, %v, want %d", resp.StatusCode, body, err, tt.status)
			}
		})
	}
}

// A client that does not read its answer is cut off, and until then costs others nothing.
func TestClientThatReadsSlowly(t *testing.T) {
	h := newRunning()
	config := map[string]string{"name": "g1", "much": strings.Repeat("x", 16<<20)} // more than the buffers of a socket take
	h.connectors["g1"] = fakeConnector{config: config}
	s := listen(t, ServerOptions{
		Options: Options{RequestTimeout: 2 * time.Second}, Listeners: []string{"http://127.0.0.1:0"}, Patience: Patience{Answer: 2 * time.Second},
	})
	s.Attach(h)
	slow := dial(t, s)
	if _, err := io.WriteString(slow, "GET /connectors/g1/config HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := slow.Read(make([]byte, 1)); err != nil { // the answer has begun
		t.Fatal(err)
	}
	if status, _, err := get(t, client(t, &http.Transport{}), s.URLs()[0], "/connectors/g1/status"); status != http.StatusOK || err != nil {
		t.Errorf("meanwhile another client gets %d, %v", status, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if err := s.Close(ctx); err != nil { // waits for the request, which ends by itself
		t.Errorf("closing: %v", err)
	}
	if n, err := io.Copy(io.Discard, slow); n >= 16<<20 {
		t.Errorf("%d bytes came, %v", n, err)
	}
}
