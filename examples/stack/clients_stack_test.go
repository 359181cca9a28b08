//go:build stack

package stack

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/user"
	"strings"
	"time"

	"github.com/colinmarc/hdfs/v2"
	"github.com/twmb/franz-go/pkg/kgo"
)

// A client keeps one value in a service.
type client interface {
	write(ctx context.Context, value string) error
	read(ctx context.Context) (string, error)
	ping(ctx context.Context) error
}

type kafkaClient struct{ bootstrap string }

func (c kafkaClient) open() (*kgo.Client, error) {
	return kgo.NewClient(kgo.SeedBrokers(c.bootstrap), kgo.AllowAutoTopicCreation(), kgo.DefaultProduceTopic("stack-test"),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{"stack-test": {0: kgo.NewOffset().AtEnd().Relative(-1)}}))
}

func (c kafkaClient) write(ctx context.Context, value string) error {
	k, err := c.open()
	if err != nil {
		return err
	}
	defer k.Close()
	return k.ProduceSync(ctx, kgo.StringRecord(value)).FirstErr()
}

func (c kafkaClient) read(ctx context.Context) (string, error) {
	k, err := c.open()
	if err != nil {
		return "", err
	}
	defer k.Close()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	f := k.PollRecords(ctx, 1)
	if err := f.Err(); err != nil {
		return "", err
	}
	return string(f.Records()[0].Value), nil
}

func (c kafkaClient) ping(ctx context.Context) error {
	k, err := c.open()
	if err != nil {
		return err
	}
	defer k.Close()
	return k.Ping(ctx)
}

// HDFS: a client of its own for each call, for the library's connections do not survive all that happens here.
type hdfsClient struct{ address string }

func (c hdfsClient) open(ctx context.Context) (*hdfs.Client, error) {
	u, err := user.Current()
	if err != nil {
		return nil, err
	}
	// the library knows no context: the connection is given its end
	dial := func(ctx2 context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx2, network, address)
		if deadline, ok := ctx.Deadline(); ok && err == nil {
			err = conn.SetDeadline(deadline)
		}
		return conn, err
	}
	return hdfs.NewClient(hdfs.ClientOptions{Addresses: []string{c.address}, User: u.Username, NamenodeDialFunc: dial})
}

func (c hdfsClient) write(ctx context.Context, value string) error {
	h, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer h.Close()
	if err := h.Remove("/stack-test"); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	w, err := h.Create("/stack-test")
	if err != nil {
		return err
	}
	if _, err := io.WriteString(w, value); err != nil {
		return err
	}
	for {
		if err := w.Close(); !hdfs.IsErrReplicating(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond): // until a datanode has reported the block
		}
	}
}

func (c hdfsClient) read(ctx context.Context) (string, error) {
	h, err := c.open(ctx)
	if err != nil {
		return "", err
	}
	defer h.Close()
	b, err := h.ReadFile("/stack-test")
	return string(b), err
}

func (c hdfsClient) ping(ctx context.Context) error {
	h, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer h.Close()
	_, err = h.Stat("/")
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return context.DeadlineExceeded
	}
	return err
}

type elasticsearchClient struct{ url string }

func (c elasticsearchClient) write(ctx context.Context, value string) error {
	_, err := request(ctx, http.MethodPut, c.url+"/stack-test/_doc/1", `{"value":"`+value+`"}`)
	return err
}

func (c elasticsearchClient) read(ctx context.Context) (string, error) {
	body, err := request(ctx, http.MethodGet, c.url+"/stack-test/_doc/1?filter_path=_source.value", "")
	return strings.TrimSuffix(strings.TrimPrefix(body, `{"_source":{"value":"`), `"}}`), err
}

func (c elasticsearchClient) ping(ctx context.Context) error {
	_, err := request(ctx, http.MethodGet, c.url+"/", "")
	return err
}

type connectClient struct{ url string }

// Connect refuses changes while it places its work anew, as after the pause of a worker that has then lost its place.
func (c connectClient) write(ctx context.Context, value string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for {
		_, err := request(ctx, http.MethodPut, c.url+"/connectors/stack-test/config", `{"connector.class":"FileStreamSink","tasks.max":"1","topics":"stack-test","file":"/dev/null","value":"`+value+`"}`)
		if err == nil || ctx.Err() != nil || !strings.HasPrefix(err.Error(), "409 ") {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (c connectClient) read(ctx context.Context) (string, error) {
	body, err := request(ctx, http.MethodGet, c.url+"/connectors/stack-test/config", "")
	_, rest, _ := strings.Cut(body, `"value":"`)
	value, _, _ := strings.Cut(rest, `"`)
	return value, err
}

func (c connectClient) ping(ctx context.Context) error {
	_, err := request(ctx, http.MethodGet, c.url+"/", "")
	return err
}

func request(ctx context.Context, method, address, body string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Close = true
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) && u.Timeout() {
			return "", context.DeadlineExceeded
		}
		return "", err
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode >= 300 {
		err = errors.New(answer.Status + ": " + string(b))
	}
	return string(b), err
}
