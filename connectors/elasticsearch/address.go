package elasticsearch

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sluice-connect/sluice/connectors"
)

// This file adds to an action what addresses a document beside its id: the index, the routing.

// maxNames bounds the names of indices that an encoder keeps at hand.
const maxNames = 1024

// appendMember adds the name of a further member to an action.
func appendMember(b *bulk, name string) {
	if b.buf[len(b.buf)-1] != '{' {
		b.buf = append(b.buf, ',')
	}
	b.buf = append(b.buf, '"')
	b.buf = append(b.buf, name...)
	b.buf = append(b.buf, `":`...)
}

// appendIndex names the index of a document by its time.
func (e *encoder) appendIndex(b *bulk, millis int64, value []byte) error {
	if e.indexTime != nil {
		raw, err := find(value, e.indexTime)
		if err != nil {
			return err
		}
		if raw == nil {
			return fmt.Errorf("field %s with the time of the index is missing", strings.Join(e.indexTime, "."))
		}
		if millis, err = parseTime(raw); err != nil {
			return fmt.Errorf("field %s with the time of the index %w", strings.Join(e.indexTime, "."), err)
		}
	} else if millis < 0 {
		return errors.New("the record has no timestamp, which names the index; set sluice.index.time.field")
	}
	hour := millis / (60 * 60 * 1000)
	if millis < 0 {
		hour--
	}
	name, ok := e.names[hour]
	if !ok {
		if len(e.names) >= maxNames {
			clear(e.names)
		}
		name = e.naming.name(e.topic, time.UnixMilli(millis))
		e.names[hour] = name
	}
	appendMember(b, "_index")
	b.buf = append(b.buf, '"')
	b.buf = appendEscaped(b.buf, []byte(name))
	b.buf = append(b.buf, '"')
	b.address(target{name: name}, e.shape)
	return nil
}

// appendRouting says by which value a document is routed.
func (e *encoder) appendRouting(b *bulk, value []byte) error {
	raw, err := find(value, e.routing)
	if err != nil {
		return err
	}
	field := strings.Join(e.routing, ".")
	switch {
	case raw == nil, string(raw) == "null", string(raw) == `""`:
		return fmt.Errorf("field %s with the routing is missing or empty", field)
	case raw[0] == '"':
		if e.format.Value != connectors.PayloadJSON && !json.Valid(raw) { // was not checked before
			return fmt.Errorf("field %s with the routing is no JSON", field)
		}
		appendMember(b, "routing")
		b.buf = append(b.buf, raw...)
		return nil
	}
	n, err := parseWhole(raw)
	if err != nil {
		return fmt.Errorf("field %s with the routing is neither text nor a whole number", field)
	}
	appendMember(b, "routing")
	b.buf = append(b.buf, '"')
	b.buf = strconv.AppendInt(b.buf, n, 10)
	b.buf = append(b.buf, '"')
	return nil
}

// parseWhole reads a JSON value that is a whole number of 64 bits.
func parseWhole(raw []byte) (int64, error) {
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil || raw[0] == '+' {
		return 0, errors.New("no whole number")
	}
	return n, nil
}
