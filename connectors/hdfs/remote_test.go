package hdfs

import (
	"context"
	"errors"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	goruntime "runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sluice-connect/sluice/connectors"
)

// soon is more than enough for what should happen at once, also on a busy machine, and less than any deadline of a call.
const soon = 20 * time.Second

// toCluster starts a task that writes texts to a cluster.
func toCluster(t testing.TB, url string, set map[string]string) *task {
	t.Helper()
	raw := map[string]string{"store.url": url, "format.class": "StringFormat", "flush.size": "5", "retry.backoff.ms": "200"}
	maps.Copy(raw, set)
	return newTask(t, connectors.PayloadString, raw)
}

// tryToOpen opens a partition until the context ends, and gives what was shown meanwhile.
func tryToOpen(t *testing.T, tk *task, within time.Duration, enough func(trouble error) bool) error {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	a := newAcks()
	began := time.Now()
	done := make(chan error, 1)
	go func() {
		_, err := tk.Open(ctx, part, -1, a)
		done <- err
	}()
	var shown error
	a.until(t, "the reason is shown", func(a *acks) bool { shown = a.trouble; return shown != nil && enough(shown) })
	if took := time.Since(began); took > within {
		t.Errorf("the reason was shown after %v", took)
	}
	cancel()
	began = time.Now()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("open: %v", err)
	}
	if took := time.Since(began); took > soon {
		t.Errorf("it ended %v after its context", took)
	}
	return shown
}

func has(part string) func(error) bool {
	return func(err error) bool { return strings.Contains(err.Error(), part) }
}

// closedPort is an address of this machine at which nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestNobodyListens(t *testing.T) {
	addr := closedPort(t)
	err := tryToOpen(t, toCluster(t, "hdfs://"+addr, nil), soon, has("connection refused"))
	var e *connectors.Error
	if !errors.As(err, &e) || e.Code != connectors.CodeRetriable || e.Partition != part || !strings.Contains(err.Error(), addr) ||
		!strings.Contains(e.Hint, "check store.url") {
		t.Errorf("shown: %v", err)
	}
}

// silent is a namenode that takes connections and never answers.
func silent(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		var conns []net.Conn
		for {
			c, err := l.Accept()
			if err != nil {
				break
			}
			conns = append(conns, c)
		}
		for _, c := range conns {
			_ = c.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-ended })
	return l.Addr().String()
}

func TestHungNamenode(t *testing.T) {
	t.Run("calls end at their deadline", func(t *testing.T) {
		err := tryToOpen(t, toCluster(t, "hdfs://"+silent(t), map[string]string{"sluice.hdfs.timeout.ms": "1000"}), soon, has("timeout"))
		if connectors.CodeOf(err) != connectors.CodeRetriable {
			t.Errorf("shown: %v", err)
		}
	})
	for _, tc := range []struct {
		name string
		addr func(*testing.T) string
	}{{"that answers nothing", silent}, {"that takes no connections", deaf}} {
		t.Run("calls to one "+tc.name+" end with their context", func(t *testing.T) {
			tk := toCluster(t, "hdfs://"+tc.addr(t), nil)
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			began := time.Now()
			if _, err := tk.Open(ctx, part, -1, newAcks()); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("open: %v", err)
			}
			if took := time.Since(began); took > soon {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// A call that its context ended leaves nothing behind that the next one could stumble over, or that would live on.
func TestCallsAfterACancelledOne(t *testing.T) {
	f := toCluster(t, "hdfs://"+silent(t), nil).open()
	defer f.Reset()
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		if _, err := f.Size(ctx, "/"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		cancel()
	}
}

// deaf is an address at which connections are asked for and never made: the listener's queue is full.
func deaf(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	addr := (&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: name.(*syscall.SockaddrInet4).Port}).String()
	for range 20 { // one or two fit
		d := net.Dialer{Timeout: 200 * time.Millisecond}
		c, err := d.DialContext(t.Context(), "tcp", addr)
		if err != nil {
			return addr
		}
		t.Cleanup(func() { _ = c.Close() })
	}
	t.Fatal("the queue does not fill")
	return ""
}

// A web server in the namenode's place is told from one: what it says must not be taken for the length of an answer.
func TestNoNamenode(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	defer s.Close()
	tk := toCluster(t, "hdfs://"+strings.TrimPrefix(s.URL, "http://"), nil)
	var before, after goruntime.MemStats
	goruntime.ReadMemStats(&before)
	err := tryToOpen(t, tk, soon, has("9870 is its web port"))
	goruntime.ReadMemStats(&after)
	if connectors.CodeOf(err) != connectors.CodeRetriable || !errors.Is(err, errNoRPC) {
		t.Errorf("shown: %v", err)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 64<<20 {
		t.Errorf("%d MB were allocated for it", n>>20)
	}
}

func TestProbeOfACluster(t *testing.T) {
	addr := closedPort(t)
	cfg, err := definition().Parse(map[string]string{"store.url": "hdfs://" + addr, "flush.size": "1"})
	if err != nil {
		t.Fatal(err)
	}
	if err := New().Probe(t.Context(), cfg); connectors.CodeOf(err) != connectors.CodeRetriable || !strings.Contains(err.Error(), addr) {
		t.Errorf("%v", err)
	}
}

func TestHadoopUser(t *testing.T) {
	t.Setenv("HADOOP_USER_NAME", "bob")
	if u := hadoopUser("alice"); u != "alice" {
		t.Errorf("configured, and yet %s", u)
	}
	if u := hadoopUser(""); u != "bob" {
		t.Errorf("in the environment, and yet %s", u)
	}
	t.Setenv("HADOOP_USER_NAME", "")
	if u := hadoopUser(""); u == "" || u == "bob" {
		t.Errorf("of the worker: %q", u)
	}
}
