package elasticsearch

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/elastic/elastic-transport-go/v8/elastictransport"
	elastic "github.com/elastic/go-elasticsearch/v8"
	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/sluice-connect/sluice/connectors"
)

// client is the connection to the service. Safe for use by several goroutines.
type client struct {
	es        *elastic.BaseClient
	transport *http.Transport
	name      string // the addresses, for messages
	compress  bool
	zippers   sync.Pool // of *gzip.Writer, which take more memory than a request
	answers   spares[answer]
	pipeline  string
	body      []byte // of the request that makes an index
	connect   time.Duration
	patience  patience // with answers
	sniffs    bool     // requests go to the addresses that the nodes publish
}

const (
	maxHeaderBytes = 64 << 10 // of an answer
	maxSmallAnswer = 1 << 20  // bytes of an answer that is no bulk answer
	maxMapping     = 16 << 20 // bytes of an answer with mappings
	maxItemAnswer  = 8 << 10  // bytes of a bulk answer for each item

	spareAnswers = 2 // they are many only while they are waited for

	sniffPatience = 10 * time.Second // with the list of the nodes
)

func newClient(cfg connectors.Config, s *settings) (*client, error) {
	tlsConfig, err := newTLS(cfg)
	if err != nil {
		return nil, err
	}
	t := &http.Transport{
		DialContext:            (&net.Dialer{Timeout: s.connect, KeepAlive: 15 * time.Second}).DialContext,
		TLSClientConfig:        tlsConfig,
		TLSHandshakeTimeout:    s.connect,
		MaxIdleConns:           0,
		MaxIdleConnsPerHost:    s.inFlight + 1,
		IdleConnTimeout:        max(maxIdle.Get(cfg), 0),
		MaxResponseHeaderBytes: maxHeaderBytes,
		DisableCompression:     !s.compress,
	}
	if host := proxyHost.Get(cfg); host != "" {
		u := &url.URL{Scheme: "http", Host: net.JoinHostPort(host, strconv.Itoa(proxyPort.Get(cfg)))}
		if user := proxyUser.Get(cfg); user != "" {
			u.User = url.UserPassword(user, proxyPassword.Get(cfg).Reveal())
		}
		t.Proxy = http.ProxyURL(u)
	}
	var rt http.RoundTripper = t
	if !productCheck.Get(cfg) {
		rt = unchecked{t}
	}
	transport := []elastictransport.Option{elastictransport.WithTransport(rt), elastictransport.WithDisableRetry()}
	sniff := sniffing.Get(cfg)
	if sniff > 0 {
		transport = append(transport, elastictransport.WithDiscoverNodesInterval(sniff), elastictransport.WithDiscoverNodeTimeout(sniffPatience))
	}
	opts := []elastic.Option{
		elastic.WithAddresses(s.urls...),
		elastic.WithDisableMetaHeader(),
		elastic.WithTransportOptions(transport...),
	}
	switch {
	case apiKey.Get(cfg) != "":
		opts = append(opts, elastic.WithAPIKey(apiKey.Get(cfg).Reveal()))
	case bearerToken.Get(cfg) != "":
		opts = append(opts, elastic.WithServiceToken(bearerToken.Get(cfg).Reveal()))
	case username.Get(cfg) != "":
		opts = append(opts, elastic.WithBasicAuth(username.Get(cfg), password.Get(cfg).Reveal()))
	}
	es, err := elastic.NewBase(opts...)
	if err != nil {
		return nil, connectors.Misconfigured("making the Elasticsearch client", err, "correct connection.url")
	}
	return &client{
		es: es, transport: t, name: strings.Join(s.urls, ","), compress: s.compress, pipeline: s.pipeline, body: s.body,
		answers: make(spares[answer], spareAnswers), patience: patience{first: s.answer}, connect: s.connect, sniffs: sniff > 0,
	}, nil
}

func (c *client) close(ctx context.Context) error {
	err := c.es.Close(ctx)
	c.transport.CloseIdleConnections()
	return err
}

// unchecked satisfies the client's product check for servers that speak the same protocol, such as OpenSearch.
type unchecked struct{ http.RoundTripper }

func (u unchecked) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := u.RoundTripper.RoundTrip(r)
	if err == nil {
		res.Header.Set("X-Elastic-Product", "Elasticsearch")
	}
	return res, err
}

// maxAnswer bounds how far the wait for an answer grows.
const maxAnswer = 30 * time.Second

// patience is how long a request waits for its answer: read.timeout.ms at first, twice as long with each time that this was
// too short, because a service that is slow never ends what is sent to it again and again. It shrinks again when answers take
// less than a quarter of it.
type patience struct {
	first time.Duration // 0: no limit
	late  atomic.Int32  // how often it was doubled
}

func (p *patience) after(late int32) time.Duration {
	d := p.first
	for range late {
		if d >= maxAnswer {
			break
		}
		d = min(2*d, maxAnswer)
	}
	return d
}

// atEnd says that the wait does not grow any more.
func (p *patience) atEnd() bool { return p.after(p.late.Load()) >= maxAnswer }

// learn notes what became of a request that was ready to wait as after(late) says.
func (p *patience) learn(late int32, took time.Duration, err error) {
	switch d := p.after(late); {
	case outOfTime(err):
		if d < maxAnswer {
			p.late.CompareAndSwap(late, late+1)
		}
	case err == nil && late > 0 && took < d/4:
		p.late.CompareAndSwap(late, late-1)
	}
}

// request sends a small request and gives status, header and body of the answer.
func (c *client) request(ctx context.Context, r esapi.Request, size, limit int) (int, http.Header, []byte, error) {
	return c.do(ctx, r, size, limit, nil)
}

// do sends a request with a body of size bytes, and gives status, header and body of the answer. The memory for the body
// is asked for when there is one; nil means new memory.
func (c *client) do(ctx context.Context, r esapi.Request, size, limit int, memory func() []byte) (status int, header http.Header, body []byte, err error) {
	late := c.patience.late.Load()
	if answer := c.patience.after(late); answer > 0 {
		began := time.Now()
		defer func() { c.patience.learn(late, time.Since(began), err) }()
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.connect+answer+time.Duration(size)*time.Second/(1<<20))
		defer cancel()
	}
	res, err := r.Do(ctx, c.es)
	if err != nil {
		return 0, nil, nil, err
	}
	if memory != nil {
		body = memory()[:0]
	}
	if res.Body == nil {
		return res.StatusCode, res.Header, body, nil
	}
	defer res.Body.Close()
	body, err = readAll(res.Body, limit, body)
	return res.StatusCode, res.Header, body, err
}

// readAll reads at most limit bytes into dst's memory.
func readAll(r io.Reader, limit int, dst []byte) ([]byte, error) {
	for {
		if len(dst) == cap(dst) {
			dst = append(dst, 0)[:len(dst)]
		}
		n, err := r.Read(dst[len(dst):min(cap(dst), limit+1)])
		dst = dst[:len(dst)+n]
		switch {
		case len(dst) > limit:
			return dst[:limit], fmt.Errorf("the answer is longer than %d bytes", limit)
		case errors.Is(err, io.EOF):
			return dst, nil
		case err != nil:
			return dst, err
		}
	}
}

// bulk sends the first n items of b and reads what became of them into b.answer, until done is called. home is where documents go that name no index.
func (c *client) bulk(ctx context.Context, home string, b *bulk, n int) *failure {
	payload := b.payload(n)
	r := esapi.BulkRequest{FilterPath: bulkFilter, Pipeline: c.pipeline, Header: http.Header{}}
	if home != "" {
		r.Index = url.PathEscape(home)
	}
	// The server's own patience with a shard that is not there ends before ours, so that it says what is the matter.
	r.Timeout = c.patience.first / 2
	r.Header.Set("Content-Type", "application/x-ndjson")
	r.Body = bytes.NewReader(payload)
	if c.compress {
		if err := c.zip(b, payload); err != nil {
			return &failure{cause: causeOther, code: connectors.CodeFatal, err: err}
		}
		r.Header.Set("Content-Encoding", "gzip")
		r.Body = bytes.NewReader(b.zipped.Bytes())
	}
	status, header, body, err := c.do(ctx, r, len(payload), maxSmallAnswer+n*maxItemAnswer, func() []byte {
		b.answer = c.answers.get()
		return b.answer.body
	})
	if b.answer != nil {
		b.answer.body = body
	}
	switch {
	case err != nil && status < 400:
		return unreached(err)
	case status < 200 || status >= 300:
		return refused(status, header, body)
	}
	if b.answer.outcomes, err = parseAnswer(body, n, b.answer.outcomes); err != nil {
		return &failure{
			cause: causeConnection, code: connectors.CodeRetriable, err: fmt.Errorf("unreadable answer: %w", err),
			hint: "check whether connection.url leads to Elasticsearch itself",
		}
	}
	return nil
}

// done gives the memory of an answer back, unless that is unusually large.
func (c *client) done(b *bulk) {
	a := b.answer
	b.answer = nil
	if a == nil || cap(a.body) > maxSmallAnswer {
		return
	}
	c.answers.put(a)
}

// zip compresses a payload into b.zipped.
func (c *client) zip(b *bulk, payload []byte) error {
	b.zipped.Reset()
	z, ok := c.zippers.Get().(*gzip.Writer)
	if ok {
		z.Reset(&b.zipped)
	} else {
		var err error
		if z, err = gzip.NewWriterLevel(&b.zipped, gzip.BestSpeed); err != nil {
			return err
		}
	}
	defer c.zippers.Put(z)
	if _, err := z.Write(payload); err != nil {
		return err
	}
	return z.Close()
}

// minimum versions of Elasticsearch.
const (
	minMajor       = 7
	minStreamMinor = 9 // of minMajor, for data streams
)

// sniff looks for the nodes for the first time; the client does so again at every interval. Until that succeeds the configured
// addresses serve.
func (c *client) sniff() error {
	if !c.sniffs {
		return nil
	}
	return c.es.DiscoverNodes()
}

// identify asks the service who it is, and refuses versions that are too old.
func (c *client) identify(ctx context.Context, streams bool) *failure {
	status, header, body, err := c.request(ctx, esapi.InfoRequest{}, 0, maxSmallAnswer)
	switch {
	case err != nil:
		return unreached(err)
	case status == http.StatusForbidden:
		return nil // users who may only write need no right to see the version
	case status < 200 || status >= 300:
		return refused(status, header, body)
	}
	var info struct {
		Version struct {
			Number       string `json:"number"`
			Distribution string `json:"distribution"`
		} `json:"version"`
	}
	if err := json.Unmarshal(body, &info); err != nil || info.Version.Number == "" {
		return &failure{
			cause: causeOther, code: connectors.CodeRetriable, err: errors.New("the server does not tell its version"),
			hint: "check whether connection.url leads to Elasticsearch itself",
		}
	}
	var major, minor int
	if _, err := fmt.Sscanf(info.Version.Number, "%d.%d", &major, &minor); err != nil || info.Version.Distribution != "" {
		return nil // other products count their versions differently
	}
	if major < minMajor || streams && major == minMajor && minor < minStreamMinor {
		return &failure{
			cause: causeOther, code: connectors.CodeMisconfigured, err: fmt.Errorf("the server is Elasticsearch %s", info.Version.Number),
			hint: "use 7.0 or later, for data streams 7.9 or later",
		}
	}
	return nil
}

// exists asks whether there is an index, data stream or alias of that name.
func (c *client) exists(ctx context.Context, name string) (bool, *failure) {
	status, header, body, err := c.request(ctx, esapi.IndicesExistsRequest{Index: []string{url.PathEscape(name)}}, 0, maxSmallAnswer)
	switch {
	case err != nil:
		return false, unreached(err)
	case status == http.StatusNotFound:
		return false, nil
	case status == http.StatusForbidden:
		return true, nil // who may only write finds out by writing
	case status < 200 || status >= 300:
		return false, refused(status, header, body)
	}
	return true, nil
}

// mapped asks whether an index, data stream or alias maps any field.
func (c *client) mapped(ctx context.Context, name string) (bool, *failure) {
	status, header, body, err := c.request(ctx, esapi.IndicesGetMappingRequest{Index: []string{url.PathEscape(name)}}, 0, maxMapping)
	switch {
	case err != nil:
		return false, unreached(err)
	case status == http.StatusForbidden:
		return true, nil // who may only write leaves mappings alone
	case status < 200 || status >= 300:
		return false, refused(status, header, body)
	}
	var indices map[string]struct {
		Mappings map[string]json.RawMessage `json:"mappings"`
	}
	if err := json.Unmarshal(body, &indices); err != nil {
		return false, &failure{cause: causeConnection, code: connectors.CodeRetriable, err: fmt.Errorf("unreadable mapping of %s: %w", name, err)}
	}
	for _, i := range indices {
		if len(i.Mappings) > 0 {
			return true, nil
		}
	}
	return false, nil
}

// putMapping adds to the mapping of an index, data stream or alias.
func (c *client) putMapping(ctx context.Context, name string, mapping []byte) *failure {
	status, header, body, err := c.request(ctx, esapi.IndicesPutMappingRequest{Index: []string{url.PathEscape(name)}, Body: bytes.NewReader(mapping)},
		len(mapping), maxSmallAnswer)
	switch {
	case err != nil:
		return unreached(err)
	case status >= 200 && status < 300:
		return nil
	case status == http.StatusBadRequest:
		return &failure{
			cause: causeOther, code: connectors.CodeMisconfigured, err: fmt.Errorf("mapping of %s from the schema: %w", name, statusError(status, parseRequestError(body))),
			hint: "set schema.ignore to true, or give the index a mapping of its own",
		}
	}
	return refused(status, header, body)
}

// create makes an index or a data stream, unless it exists by now.
func (c *client) create(ctx context.Context, name string, stream bool) *failure {
	var r esapi.Request
	if stream {
		r = esapi.IndicesCreateDataStreamRequest{Name: url.PathEscape(name)}
	} else {
		index := esapi.IndicesCreateRequest{Index: url.PathEscape(name)}
		if c.body != nil {
			index.Body = bytes.NewReader(c.body)
		}
		r = index
	}
	status, header, body, err := c.request(ctx, r, 0, maxSmallAnswer)
	if err != nil {
		return unreached(err)
	}
	if status >= 200 && status < 300 || status == http.StatusForbidden {
		return nil
	}
	e := parseRequestError(body)
	switch {
	case e.Type == "resource_already_exists_exception", e.Type == "index_already_exists_exception":
		return nil
	case stream && (status == http.StatusMethodNotAllowed || strings.Contains(e.Reason, "no handler found")):
		return nil // made by the first document, where a template says so
	case stream && strings.Contains(e.Reason, "no matching index template"):
		return &failure{
			cause: causeOther, code: connectors.CodeMisconfigured, err: statusError(status, e),
			hint: "make an index template with a data_stream for this name",
		}
	case e.Type == "invalid_index_name_exception":
		return &failure{
			cause: causeOther, code: connectors.CodeMisconfigured, err: statusError(status, e),
			hint: "map the topic to another name with external.resource.usage and topic.to.external.resource.mapping",
		}
	}
	return refused(status, header, body)
}
