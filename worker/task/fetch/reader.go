package fetch

/*
#include <stdlib.h>
#include <string.h>
#include "librdkafka.h"

// record is what is needed of a message, gathered while in C.
typedef struct {
	int64_t offset;
	int64_t timestamp;
	void *key;
	void *value;
	size_t key_size;
	size_t value_size;
	const char *topic;
	size_t topic_size;
	rd_kafka_headers_t *headers; // NULL: none
	int32_t partition;
	int err;
} record;

typedef struct {
	const char *name;
	const void *value;
	size_t name_size;
	size_t value_size;
} header;

static int linked(void) {
	return rd_kafka_queue_new && rd_kafka_queue_get_partition && rd_kafka_queue_forward && rd_kafka_queue_destroy &&
	       rd_kafka_consume_batch_queue && rd_kafka_message_destroy && rd_kafka_message_timestamp && rd_kafka_message_headers &&
	       rd_kafka_header_get_all && rd_kafka_topic_name && rd_kafka_queue_get_consumer && rd_kafka_queue_io_event_enable &&
	       rd_kafka_set_log_queue && rd_kafka_queue_poll && rd_kafka_event_log && rd_kafka_event_destroy;
}

static int take(rd_kafka_queue_t *queue, rd_kafka_message_t **messages, record *records, int most) {
	ssize_t n = rd_kafka_consume_batch_queue(queue, 0, messages, most);
	for (ssize_t i = 0; i < n; i++) {
		rd_kafka_message_t *m = messages[i];
		record *r = &records[i];
		int type;
		r->offset = m->offset;
		r->timestamp = rd_kafka_message_timestamp(m, &type);
		r->key = m->key;
		r->key_size = m->key_len;
		r->value = m->payload;
		r->value_size = m->len;
		r->partition = m->partition;
		r->err = m->err;
		if (i > 0 && m->rkt == messages[i - 1]->rkt) {
			r->topic = r[-1].topic;
			r->topic_size = r[-1].topic_size;
		} else {
			r->topic = m->rkt ? rd_kafka_topic_name(m->rkt) : "";
			r->topic_size = strlen(r->topic);
		}
		if (m->err || rd_kafka_message_headers(m, &r->headers))
			r->headers = NULL;
	}
	return n < 0 ? 0 : (int)n;
}

static void drop(rd_kafka_message_t **messages, int n) {
	for (int i = 0; i < n; i++)
		rd_kafka_message_destroy(messages[i]);
}

// headers copies the headers from the first on into out, and gives how many.
static size_t headers(const rd_kafka_headers_t *all, size_t first, header *out, size_t most) {
	size_t n = 0;
	while (n < most && !rd_kafka_header_get_all(all, first + n, &out[n].name, &out[n].value, &out[n].value_size)) {
		out[n].name_size = strlen(out[n].name);
		n++;
	}
	return n;
}

static void route(rd_kafka_t *client, rd_kafka_queue_t *queue, const char *topic, int32_t partition) {
	rd_kafka_queue_t *own = rd_kafka_queue_get_partition(client, topic, partition);
	if (own) {
		rd_kafka_queue_forward(own, queue);
		rd_kafka_queue_destroy(own);
	}
}
*/
import "C"

import (
	"errors"
	"reflect"
	"unsafe"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"github.com/sluice-connect/sluice/connectors"
)

const (
	most        = 256 // records at once: enough that a call for them costs next to nothing
	mostHeaders = 32  // headers at once
)

// Reader reads the records of one consumer. It is for one goroutine.
type Reader struct {
	client   *C.rd_kafka_t
	queue    *C.rd_kafka_queue_t
	log      *C.rd_kafka_queue_t
	bell     *bell
	messages **C.rd_kafka_message_t
	records  *C.record
	header   *C.header

	n      int
	now    Record
	topics map[string]string // names that have come, so that each is allocated once
}

// errForeign says that the binding is another one than this package was written for. Its tests would say so first.
var errForeign = errors.New("this version of confluent-kafka-go has no client where version 2.15 has it")

// New makes a reader beside a consumer, which must have a group. Close it before the consumer.
func New(c *kafka.Consumer) (*Reader, error) {
	client := reflect.ValueOf(c).Elem().FieldByName("handle")
	if client.IsValid() {
		client = client.FieldByName("rk")
	}
	if !client.IsValid() || client.Kind() != reflect.Pointer || client.IsNil() || C.linked() == 0 {
		return nil, errForeign
	}
	r := &Reader{
		client:   (*C.rd_kafka_t)(client.UnsafePointer()),
		messages: (**C.rd_kafka_message_t)(C.calloc(most, C.size_t(unsafe.Sizeof(uintptr(0))))),
		records:  (*C.record)(C.calloc(most, C.sizeof_record)),
		header:   (*C.header)(C.calloc(mostHeaders, C.sizeof_header)),
		topics:   map[string]string{},
	}
	r.queue = C.rd_kafka_queue_new(r.client)
	r.log = C.rd_kafka_queue_new(r.client)
	C.rd_kafka_set_log_queue(r.client, r.log)
	var err error
	if r.bell, err = hang(r.client, r.queue); err != nil {
		r.free()
		return nil, err
	}
	return r, nil
}

// Route makes the records of a partition come here. It is called before the partition is assigned (invariant 1).
func (r *Reader) Route(topic string, partition int32) {
	name := C.CString(topic)
	defer C.free(unsafe.Pointer(name))
	C.route(r.client, r.queue, name, C.int32_t(partition))
}

// Read takes what is ready, and gives the number of records.
func (r *Reader) Read() int {
	r.Release()
	r.n = int(C.take(r.queue, r.messages, r.records, most))
	return r.n
}

// Release gives what was read back to the client.
func (r *Reader) Release() {
	if r.n > 0 {
		C.drop(r.messages, C.int(r.n))
		r.n = 0
	}
}

// Ready gives something when records can be read, or the consumer has an event, which were not there when last looked for; sometimes
// also when there is nothing. Who waits for it has found both empty before.
func (r *Reader) Ready() <-chan struct{} { return r.bell.rings }

// Close ends the reader. What it has not given out is read again by whoever has the partitions next.
func (r *Reader) Close() {
	r.Release()
	r.bell.take()
	r.free()
}

func (r *Reader) free() {
	C.rd_kafka_queue_destroy(r.queue)
	C.rd_kafka_queue_destroy(r.log)
	C.free(unsafe.Pointer(r.messages))
	C.free(unsafe.Pointer(r.records))
	C.free(unsafe.Pointer(r.header))
}

// Record gives record i of those that were read (invariant 2). It is the same memory every time.
func (r *Reader) Record(i int) *Record {
	c := &unsafe.Slice(r.records, r.n)[i]
	r.now = Record{
		Topic: r.topic(c), Partition: int32(c.partition), Offset: int64(c.offset), Timestamp: int64(c.timestamp),
		Key: view(c.key, c.key_size), Value: view(c.value, c.value_size), Headers: r.now.Headers[:0],
	}
	if c.err != 0 {
		r.now.Err = kafka.NewError(kafka.ErrorCode(c.err), string(r.now.Value), false)
	}
	if c.headers != nil {
		r.readHeaders(c)
	}
	return &r.now
}

func (r *Reader) topic(c *C.record) string {
	name := unsafe.String((*byte)(unsafe.Pointer(c.topic)), int(c.topic_size))
	if name == r.now.Topic {
		return r.now.Topic
	}
	known, ok := r.topics[name]
	if !ok {
		known = C.GoStringN(c.topic, C.int(c.topic_size))
		r.topics[known] = known
	}
	return known
}

func (r *Reader) readHeaders(c *C.record) {
	for first := 0; ; {
		n := int(C.headers(c.headers, C.size_t(first), r.header, mostHeaders))
		for _, h := range unsafe.Slice(r.header, n) {
			r.now.Headers = append(r.now.Headers, connectors.Header{
				Key:   unsafe.String((*byte)(unsafe.Pointer(h.name)), int(h.name_size)),
				Value: view(unsafe.Pointer(h.value), h.value_size),
			})
		}
		if first += n; n < mostHeaders {
			return
		}
	}
}

// view is memory of the client; nil is null.
func view(p unsafe.Pointer, size C.size_t) []byte {
	if p == nil {
		return nil
	}
	return unsafe.Slice((*byte)(p), int(size))[:size:size]
}
