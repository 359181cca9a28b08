package elasticsearch

import "github.com/sluice-connect/sluice/connectors"

// instruments are the task's metrics.
type instruments struct {
	documents, bytes, requests, millis       connectors.Counter
	conflicts, rejected, skipped, splits     connectors.Counter
	retries                                  [causes]connectors.Counter
	inFlight, bufferedRecords, bufferedBytes connectors.Gauge
	lastMillis                               connectors.Gauge
}

func newInstruments(m connectors.Metrics) *instruments {
	i := &instruments{
		documents:       m.Counter("documents_total", "Documents that Elasticsearch has stored or deleted."),
		bytes:           m.Counter("bytes_total", "Bytes of bulk requests, before compression, repetitions included."),
		requests:        m.Counter("bulk_requests_total", "Bulk requests sent, repetitions included."),
		millis:          m.Counter("bulk_milliseconds_total", "Time that bulk requests took, added up."),
		conflicts:       m.Counter("conflicts_total", "Documents that were there already, in this version or a later one."),
		rejected:        m.Counter("rejected_total", "Records that can never be stored."),
		skipped:         m.Counter("skipped_total", "Records left out as the configuration says."),
		splits:          m.Counter("bulk_splits_total", "Requests that were made smaller because the server did not take them."),
		inFlight:        m.Gauge("bulk_requests_in_flight", "Bulk requests under way."),
		bufferedRecords: m.Gauge("buffered_records", "Records in requests under way or waiting to be repeated."),
		bufferedBytes:   m.Gauge("buffered_bytes", "Bytes in requests under way or waiting to be repeated."),
		lastMillis:      m.Gauge("bulk_last_milliseconds", "Time that the latest bulk request took."),
	}
	for c := range causes {
		i.retries[c] = m.Counter("retries_"+c.String()+"_total", "Repetitions because of: "+c.String()+".")
	}
	return i
}
