package fetch

/*
#include "librdkafka.h"

typedef struct {
	rd_kafka_event_t *event; // NULL: there is none
	const char *facility;    // NULL: it is no line
	const char *text;
	int level;
} line;

static line next_line(rd_kafka_queue_t *queue) {
	line l = {rd_kafka_queue_poll(queue, 0)};
	if (l.event && rd_kafka_event_log(l.event, &l.facility, &l.text, &l.level))
		l.facility = NULL;
	return l;
}
*/
import "C"

// LogQueue is the property with which a consumer keeps the lines of its log for ReadLog. Without it they go to standard error.
const LogQueue = "log.queue"

// Line is a line of the client's log.
type Line struct {
	Level    int // of syslog: 4 is a warning, less is worse
	Facility string
	Text     string
}

// ReadLog gives the lines that the client has logged since the last time.
func (r *Reader) ReadLog(tell func(Line)) {
	for l := C.next_line(r.log); l.event != nil; l = C.next_line(r.log) {
		if l.facility != nil {
			tell(Line{int(l.level), C.GoString(l.facility), C.GoString(l.text)})
		}
		C.rd_kafka_event_destroy(l.event)
	}
}
