package hdfs

import (
	"bytes"
	"context"
	"encoding/binary"
	"net"
	"time"
)

// refusals are what a namenode says to a greeting that it does not take.
var refusals = []struct {
	text []byte
	err  error
}{
	{[]byte("SIMPLE authentication is not enabled"), errWantsKerberos},
	{[]byte("is not allowed to impersonate"), errNoProxy},
}

// greeting is within how many reads the answers to it come.
const greeting = 12

// conn is a connection with deadlines. After an error it is closed: the library would go on with it.
type conn struct {
	net.Conn
	fs      *remoteFS
	timeout time.Duration // of each read and write; 0: none of its own
	addr    string
	reads   int // that gave something
}

// mostRPC is the longest answer of a namenode, by Hadoop's default.
const mostRPC = 128 << 20

func (c *conn) Read(p []byte) (int, error) {
	if c.timeout > 0 {
		if err := c.SetReadDeadline(time.Now().Add(c.timeout)); err != nil {
			return 0, err
		}
	}
	n, err := c.Conn.Read(p)
	// A namenode's answer begins with its length, for which the library makes room: what a web port says would be a gigabyte.
	if c.timeout > 0 && c.reads == 0 && n >= 4 && binary.BigEndian.Uint32(p) > mostRPC {
		n, err = 0, errNoRPC
	}
	if n > 0 {
		// The library gives no sense to the answer to a greeting that is refused.
		if c.reads++; c.timeout > 0 && c.reads <= greeting {
			for _, r := range refusals {
				if bytes.Contains(p[:n], r.text) {
					n, err = 0, r.err
					break
				}
			}
		}
	}
	if err != nil && c.timeout > 0 {
		c.fs.set.cluster.blame(c.addr, err)
		_ = c.Close()
	}
	return n, err
}

func (c *conn) Write(p []byte) (int, error) {
	if c.timeout > 0 {
		if err := c.SetWriteDeadline(time.Now().Add(c.timeout)); err != nil {
			return 0, err
		}
	}
	n, err := c.Conn.Write(p)
	switch {
	case err == nil:
	case c.timeout > 0:
		c.fs.set.cluster.blame(c.addr, err)
		_ = c.Close()
	default:
		// To datanodes: the library's goroutines for a file end only when it could send its last packet. So a broken
		// connection takes everything and the file is told of the fault; no acknowledgement will come, so that Close fails.
		c.fs.fail(err)
		_ = c.Close()
		return len(p), nil
	}
	return n, err
}

func (c *conn) Close() error {
	c.fs.mu.Lock()
	delete(c.fs.conns, c)
	c.fs.mu.Unlock()
	return c.Conn.Close()
}

// dial opens connections that are closed by abort. Those to namenodes have a timeout for each read and write; those to
// datanodes are read all the time, also while nothing is to come, so that their deadlines are set for each file. The
// library has no context to give: a connection that is being made ends with its client's life.
func (r *remoteFS) dial(life context.Context, timeout time.Duration) func(context.Context, string, string) (net.Conn, error) {
	return func(_ context.Context, network, addr string) (net.Conn, error) {
		d := net.Dialer{Timeout: min(r.set.timeout, 10*time.Second)}
		c, err := d.DialContext(life, network, addr)
		if err != nil {
			if timeout > 0 {
				r.set.cluster.blame(addr, err)
			}
			return nil, err
		}
		conn := &conn{Conn: c, fs: r, timeout: timeout, addr: addr}
		r.mu.Lock()
		r.conns[conn] = struct{}{}
		r.mu.Unlock()
		if life.Err() != nil { // aborted before it was among those that are closed then
			_ = conn.Close()
			return nil, life.Err()
		}
		return conn, nil
	}
}

func (r *remoteFS) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fault == nil {
		r.fault = err
	}
}

// abort closes all connections for good, so that calls under way return.
func (r *remoteFS) abort() {
	r.mu.Lock()
	if r.end != nil {
		r.end()
	}
	conns := make([]net.Conn, 0, len(r.conns))
	for c := range r.conns {
		conns = append(conns, c)
	}
	r.mu.Unlock()
	for _, c := range conns {
		_ = c.Close()
	}
}
