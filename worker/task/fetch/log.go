package fetch

/*
#include "librdkafka.h"
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
	for {
		ev := C.rd_kafka_queue_poll(r.log, 0)
		if ev == nil {
			return
		}
		var facility, text *C.char
		var level C.int
		if C.rd_kafka_event_log(ev, &facility, &text, &level) == 0 {
			tell(Line{int(level), C.GoString(facility), C.GoString(text)})
		}
		C.rd_kafka_event_destroy(ev)
	}
}
