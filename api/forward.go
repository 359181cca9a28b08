package api

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Elsewhere is the error of a Herder that leaves a request to another worker: the leader, or who runs a task. The API sends it on.
type Elsewhere struct {
	URL string // of that worker, http://host:port
}

// Error says which worker it is.
func (e *Elsewhere) Error() string { return "another worker has to serve this request: " + e.URL }

// Peer is a Herder that is one of several.
type Peer interface {
	// SessionKey is what workers sign requests to each other with, and how; false while there is none.
	SessionKey() (key []byte, algorithm string, ok bool)
	// CatchUp reads what other workers have written by now, so that an answer of this one shows it.
	CatchUp(ctx context.Context) error
	// Lost tells whether the worker with a URL is no member of the cluster any more. It is false where that is not known.
	Lost(ctx context.Context, url string) bool
}

// Kafka Connect's names.
const (
	forwardParameter = "forward"
	signatureHeader  = "X-Connect-Authorization"
	algorithmHeader  = "X-Connect-Request-Signature-Algorithm"
)

// What Kafka Connect says, with 409, when a request finds nobody to serve it.
const (
	noLeader = "Cannot complete request momentarily due to no known leader URL, likely because a rebalance was underway."
	twoHops  = "Cannot complete request because of a conflicting operation (e.g. worker rebalance)"
)

// maxForwarded bounds the answer of another worker.
const maxForwarded = 64 << 20

// forward sends a request on to the worker that has to serve it, and its answer back. As in Kafka Connect a request makes two hops at
// most: the first worker sends it on with forward=true, the second with forward=false, and the third does not send it on.
func (a *Handler) forward(w http.ResponseWriter, r *http.Request, h Herder, to string, body []byte) error {
	to = strings.TrimSuffix(to, "/")
	q := r.URL.Query()
	next := "true"
	switch strings.ToLower(q.Get(forwardParameter)) {
	case "":
	case "true":
		next = "false"
	default:
		a.log.Warn("a request did not find its worker within two hops", "method", r.Method, "path", r.URL.Path)
		return &Error{Status: http.StatusConflict, Message: twoHops, RetryAfter: time.Second}
	}
	q.Set(forwardParameter, next)
	ctx, done := a.attend(r.Context(), h, to)
	defer done()
	req, err := http.NewRequestWithContext(ctx, r.Method, to+r.URL.EscapedPath()+"?"+q.Encode(), bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("sending the request on to %s: %w", to, err)
	}
	for _, name := range []string{"Accept", "Accept-Language", "Authorization", "Content-Type"} {
		if v := r.Header.Values(name); len(v) > 0 {
			req.Header[name] = v
		}
	}
	peer, many := h.(Peer)
	a.log.Debug("sending a request on", "method", r.Method, "path", r.URL.Path, "to", to)
	resp, err := a.reach(req, peer, body)
	if err != nil {
		if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" { // nothing was sent
			a.log.Warn("a worker to which a request belongs cannot be reached", "worker", to, "error", err)
			return &Error{Status: http.StatusConflict, Message: noLeader, RetryAfter: time.Second}
		}
		return unanswered(ctx, to, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxForwarded))
	if err != nil {
		return unanswered(ctx, to, err)
	}
	if many && resp.StatusCode < http.StatusMultipleChoices {
		if err := peer.CatchUp(r.Context()); err != nil { // what was asked for is done
			a.log.Warn("reading what another worker has written", "error", err)
		}
	}
	for _, name := range []string{"Content-Type", "Location", "Retry-After", "Www-Authenticate"} {
		if v := resp.Header.Values(name); len(v) > 0 {
			w.Header()[name] = v
		}
	}
	if resp.Header.Get("Content-Type") == "" {
		w.Header()["Content-Type"] = nil
	}
	if resp.StatusCode != http.StatusNoContent {
		w.Header().Set("Content-Length", strconv.Itoa(len(answer)))
	}
	w.WriteHeader(resp.StatusCode)
	_, _ = w.Write(answer) // a client that went away is no error of ours
	return nil
}

// reach signs a request, where there are several workers, and sends it. A worker that refuses the signature may have read of a newer key
// than this one has: then it is signed again, once.
func (a *Handler) reach(req *http.Request, peer Peer, body []byte) (*http.Response, error) {
	for again := false; ; again = true {
		if again && req.GetBody != nil {
			req.Body, _ = req.GetBody() // of a reader of bytes it never fails
		}
		var key []byte
		if peer != nil {
			key = sign(req, peer, body)
		}
		resp, err := a.peers.RoundTrip(req)
		if err != nil || resp.StatusCode != http.StatusForbidden || key == nil || again {
			return resp, err
		}
		if err := peer.CatchUp(req.Context()); err != nil {
			a.log.Warn("reading whether there is a newer key to sign requests with", "error", err)
			return resp, nil
		}
		if newer, _, ok := peer.SessionKey(); !ok || bytes.Equal(newer, key) {
			return resp, nil
		}
		_ = resp.Body.Close() // nothing was done, and what it says is out of date
	}
}

// sign proves to another worker that a request comes from one of its cluster, and gives the key; nil: there is none.
func sign(req *http.Request, peer Peer, body []byte) []byte {
	key, algorithm, ok := peer.SessionKey()
	h := macs[strings.ToLower(algorithm)]
	if !ok || h == nil {
		return nil
	}
	req.Header.Set(signatureHeader, signature(h, key, body))
	req.Header.Set(algorithmHeader, algorithm)
	return key
}

func signature(h func() hash.Hash, key, body []byte) string {
	m := hmac.New(h, key)
	_, _ = m.Write(body) // it never fails
	return base64.StdEncoding.EncodeToString(m.Sum(nil))
}

// macs are the algorithms by Java's names, in lower case.
var macs = map[string]func() hash.Hash{ // constant
	"hmacsha256": sha256.New, "hmacsha384": sha512.New384, "hmacsha512": sha512.New,
}

// checkSignature refuses a request that carries a signature which is not of this cluster. One without is as good as its credentials.
func checkSignature(r *http.Request, h Herder, body []byte) error {
	given := r.Header.Get(signatureHeader)
	peer, many := h.(Peer)
	if given == "" || !many {
		return nil
	}
	if err := signed(r); err != nil {
		return err
	}
	algorithm := r.Header.Get(algorithmHeader)
	mac := macs[strings.ToLower(algorithm)]
	if mac == nil {
		return badRequest("This worker does not support the '%s' key signing algorithm used by other workers. Set inter.worker.signature.algorithm to the same on all workers.", algorithm)
	}
	for range 2 {
		if key, _, ok := peer.SessionKey(); ok && hmac.Equal([]byte(given), []byte(signature(mac, key, body))) {
			return nil
		}
		if err := peer.CatchUp(r.Context()); err != nil { // the key may be newer than what this worker has read
			return err
		}
	}
	return &Error{Status: http.StatusForbidden, Message: "Internal request contained invalid signature."}
}

// keep lets a body be read and keeps what was read, for a worker that it may have to be sent on to.
type keep struct {
	io.ReadCloser
	read bytes.Buffer
}

func (k *keep) Read(p []byte) (int, error) {
	n, err := k.ReadCloser.Read(p)
	k.read.Write(p[:n])
	return n, err
}

// all reads what is left, and gives the whole.
func (k *keep) all() ([]byte, error) {
	if _, err := io.Copy(io.Discard, k); err != nil {
		return nil, err
	}
	return k.read.Bytes(), nil
}

// newPeers is how workers reach each other. Without a configuration TLS is that of the system.
func newPeers(secure *tls.Config) *http.Transport {
	return &http.Transport{
		DialContext:         (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		TLSClientConfig:     secure,
		TLSHandshakeTimeout: 5 * time.Second,
		IdleConnTimeout:     30 * time.Second,
		MaxIdleConnsPerHost: 4,
	}
}
