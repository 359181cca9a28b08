package fetch

/*
#include "librdkafka.h"

// ring has a byte written whenever something comes to an empty queue; with -1 no more.
static void ring(rd_kafka_queue_t *queue, int fd) {
	const char stroke = 1; // which is copied
	rd_kafka_queue_io_event_enable(queue, fd, &stroke, 1);
}
*/
import "C"

import (
	"errors"
	"os"
)

// bell rings when the client has put something into one of its queues. It costs no thread: the client writes to a pipe, which Go's
// poller watches together with all others.
type bell struct {
	queues [2]*C.rd_kafka_queue_t
	heard  *os.File
	struck *os.File
	rings  chan struct{}
	over   chan struct{}
}

// hang makes a bell for the records' queue and for that of everything else.
func hang(client *C.rd_kafka_t, records *C.rd_kafka_queue_t) (*bell, error) {
	events := C.rd_kafka_queue_get_consumer(client)
	if events == nil {
		return nil, errors.New("the consumer has no group")
	}
	heard, struck, err := os.Pipe() // neither end blocks
	if err != nil {
		C.rd_kafka_queue_destroy(events)
		return nil, err
	}
	b := &bell{queues: [2]*C.rd_kafka_queue_t{records, events}, heard: heard, struck: struck, rings: make(chan struct{}, 1), over: make(chan struct{})}
	raw, err := struck.SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) { b.wire(C.int(fd)) })
	}
	go b.listen()
	if err != nil {
		b.take()
		return nil, err
	}
	return b, nil
}

func (b *bell) wire(fd C.int) {
	for _, q := range b.queues {
		C.ring(q, fd)
	}
}

// listen ends when the pipe is closed.
func (b *bell) listen() {
	defer close(b.over)
	for strokes := make([]byte, 64); ; {
		if _, err := b.heard.Read(strokes); err != nil {
			return
		}
		select {
		case b.rings <- struct{}{}:
		default:
		}
	}
}

// take takes the bell down, before the records' queue is given up.
func (b *bell) take() {
	b.wire(-1)
	C.rd_kafka_queue_destroy(b.queues[1])
	_ = b.struck.Close() // nothing is lost with either
	_ = b.heard.Close()
	<-b.over
}
