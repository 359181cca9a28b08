package elasticsearch

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"strconv"
	"unicode/utf8"

	"github.com/sluice-connect/sluice/connectors"
)

// maxID is the longest document id that Elasticsearch takes, in bytes.
const maxID = 512

// encoder turns the records of one partition into lines of bulk requests, in the form of
// https://www.elastic.co/guide/en/elasticsearch/reference/8.19/docs-bulk.html.
type encoder struct {
	format    connectors.Format
	keyed     bool // the id is the record's key
	auto      bool // Elasticsearch chooses the id
	upsert    bool
	stream    bool
	versioned bool   // external versions
	ordered   bool   // writes to one id must not overtake each other
	header    string // of the external version; "" means the offset
	deletes   bool
	ignore    bool // null values are skipped
	report    bool // and go to the dead letter queue, as with Confluent's sink
	fields    []string
	create    bool
	routing   []string // path of the routing field; nil: none
	naming    *naming  // nil: the request names the index
	topic     string
	indexTime []string         // path of the field with the time; nil: the record's timestamp
	names     map[int64]string // of indices, by the hour since 1970
	target    target
	prefix    []byte // action up to the id's variable part
	remove    []byte // the same for a deletion
	retry     []byte // the rest of an update's action
	seed      maphash.Seed

	ignoreSchema bool
	keyType      string  // of the schema of keys; "" without
	shape        *schema // of values; nil without, or where it is ignored
	doc          []byte  // memory for a document that the schema changes
}

var errIgnored = errors.New("the value is null and behavior.on.null.values is ignore")

// newEncoder makes an encoder for the records of partition p that are stored under the name topic. home is the index that
// requests name: documents that go elsewhere name theirs.
func newEncoder(s *settings, p connectors.Partition, topic string, t target, home string, f connectors.Format, seed maphash.Seed) *encoder {
	keyed := !s.ignoresKey(topic)
	e := &encoder{
		format: f, keyed: keyed, auto: s.autoIDs, upsert: s.upsert, stream: t.stream,
		create:  s.create && !s.upsert || t.stream,
		routing: s.routing, indexTime: s.indexTime, topic: topic, target: t,
		header:  s.versionHeader,
		deletes: s.onNull == behaviorDelete, ignore: s.onNull == behaviorIgnore, report: s.tolerant,
		fields: s.timestampFields,
		retry:  strconv.AppendInt([]byte(`,"retry_on_conflict":`), int64(min(s.inFlight, 5)), 10),
		seed:   seed, ignoreSchema: s.ignoresSchema(topic),
	}
	e.versioned = keyed && !e.create && !e.upsert
	if t.dated {
		e.naming, e.names = s.target.naming, map[int64]string{}
	}
	// An external version settles the order of writes by itself, but not for ever that of a deletion and what came before
	// it: the server forgets deletions after index.gc_deletes.
	e.ordered = keyed && !t.stream && (e.upsert || e.deletes || e.create)
	op := "index"
	switch {
	case e.upsert:
		op = "update"
	case e.create:
		op = "create"
	}
	var index, id []byte
	if !t.dated && t.name != home {
		index = append(append(append(index, `"_index":"`...), appendEscaped(nil, []byte(t.name))...), '"')
	}
	if len(index) > 0 {
		id = append(id, ',')
	}
	id = append(id, `"_id":"`...)
	e.prefix = append([]byte(`{"`+op+`":{`), index...)
	e.remove = append(append([]byte(`{"delete":{`), index...), id...)
	if e.auto {
		return e
	}
	e.prefix = append(e.prefix, id...)
	if !keyed { // invariant 3
		e.prefix = appendEscaped(e.prefix, []byte(p.Topic))
		e.prefix = append(e.prefix, '+')
		e.prefix = strconv.AppendInt(e.prefix, int64(p.ID), 10)
		e.prefix = append(e.prefix, '+')
	}
	return e
}

// append adds record i of a batch to a bulk. A record that makes no document is left out, with the reason; one that is to
// be skipped is left out without.
func (e *encoder) append(b *bulk, batch *connectors.Batch, i int) error {
	value := batch.Value(i)
	if value == nil || e.format.Value == connectors.PayloadJSON && isNull(value) {
		return e.appendNull(b, batch, i)
	}
	if !isObject(value) {
		return errors.New("the value is no JSON object; use org.apache.kafka.connect.json.JsonConverter and records that are objects")
	}
	if e.shape != nil && !e.shape.same {
		var err error
		if e.doc, _, err = e.shape.append(e.doc[:0], value, 0); err != nil {
			return fmt.Errorf("the value does not follow its schema: %w", err)
		}
		value = e.doc
	}
	start := len(b.buf)
	sum, err := e.appendAction(b, batch, i, value)
	if err == nil {
		err = e.appendDocument(b, batch.Timestamp(i), value)
	}
	if err != nil {
		b.buf = b.buf[:start]
		return err
	}
	b.add(item{offset: batch.Offset(i), start: start, end: len(b.buf), sum: sum, op: e.op()})
	return nil
}

func (e *encoder) op() op {
	switch {
	case e.upsert:
		return opUpdate
	case e.create:
		return opCreate
	default:
		return opIndex
	}
}

func (e *encoder) appendNull(b *bulk, batch *connectors.Batch, i int) error {
	switch {
	case e.ignore && e.report:
		return errIgnored
	case e.ignore:
		return nil
	case !e.deletes:
		return errors.New("the value is null; set behavior.on.null.values to ignore or delete where that is meant")
	case isNull(batch.Key(i)) || batch.Key(i) == nil || !e.keyed:
		return nil // no document has this id
	}
	start := len(b.buf)
	b.buf = append(b.buf, e.remove...)
	sum, err := e.appendKey(b, batch.Key(i))
	if err == nil {
		b.buf = append(b.buf, '"')
		err = e.appendVersion(b, batch, i)
	}
	if err != nil {
		b.buf = b.buf[:start]
		return err
	}
	b.buf = append(b.buf, "}}\n"...)
	b.address(e.target, nil)
	b.add(item{offset: batch.Offset(i), start: start, end: len(b.buf), sum: sum, op: opDelete})
	return nil
}

func (e *encoder) appendAction(b *bulk, batch *connectors.Batch, i int, value []byte) (sum uint64, err error) {
	b.buf = append(b.buf, e.prefix...)
	switch {
	case e.auto:
	case e.keyed:
		if sum, err = e.appendKey(b, batch.Key(i)); err != nil {
			return 0, err
		}
		b.buf = append(b.buf, '"')
	default:
		b.buf = strconv.AppendInt(b.buf, batch.Offset(i), 10)
		b.buf = append(b.buf, '"')
	}
	if err := e.appendVersion(b, batch, i); err != nil {
		return 0, err
	}
	if e.upsert {
		b.buf = append(b.buf, e.retry...)
	}
	if e.naming == nil {
		b.address(e.target, e.shape)
	} else if err := e.appendIndex(b, batch.Timestamp(i), value); err != nil {
		return 0, err
	}
	if e.routing != nil {
		if err := e.appendRouting(b, value); err != nil {
			return 0, err
		}
	}
	b.buf = append(b.buf, "}}\n"...)
	return sum, nil
}

func (e *encoder) appendVersion(b *bulk, batch *connectors.Batch, i int) error {
	if !e.versioned {
		return nil
	}
	version := batch.Offset(i)
	if e.header != "" {
		var found bool
		var text []byte
		for h := range batch.Headers(i) {
			if h.Key == e.header { // the last one counts
				found, text = true, h.Value
			}
		}
		if !found {
			return fmt.Errorf("header %s with the external version is missing", e.header)
		}
		v, err := strconv.ParseInt(string(bytes.Trim(bytes.TrimSpace(text), `"`)), 10, 64)
		if err != nil || v < 0 {
			return fmt.Errorf("header %s holds no external version, a whole number from 0", e.header)
		}
		version = v
	}
	b.buf = append(b.buf, `,"version":`...)
	b.buf = strconv.AppendInt(b.buf, version, 10)
	b.buf = append(b.buf, `,"version_type":"external"`...)
	return nil
}

// appendKey adds a key as the inside of a JSON string.
func (e *encoder) appendKey(b *bulk, key []byte) (sum uint64, err error) {
	if key == nil {
		return 0, errors.New("the key is null but it is the document's id; set key.ignore where keys are missing")
	}
	switch e.keyType {
	case "", typeString, "int8", "int16", "int32", "int64":
	default:
		return 0, fmt.Errorf("the key is the document's id and of the type %s; string, int8, int16, int32 and int64 are supported", e.keyType)
	}
	if e.format.Key == connectors.PayloadJSON {
		if key, err = jsonKey(key); err != nil {
			return 0, err
		}
	}
	switch {
	case len(key) == 0:
		return 0, errors.New("the key is empty but it is the document's id")
	case len(key) > maxID:
		return 0, fmt.Errorf("the key is the document's id and has %d bytes; Elasticsearch takes at most %d", len(key), maxID)
	case !utf8.Valid(key):
		return 0, errors.New("the key is the document's id but no text in UTF-8")
	}
	b.buf = appendEscaped(b.buf, key)
	if e.ordered {
		sum = maphash.Bytes(e.seed, key) | 1 // 0 is where order does not matter
	}
	return sum, nil
}

// jsonKey gives the text of a key that is a JSON string or a whole number.
func jsonKey(key []byte) ([]byte, error) {
	key = bytes.TrimSpace(key)
	switch {
	case len(key) == 0 || string(key) == "null":
		return nil, errors.New("the key is null but it is the document's id; set key.ignore where keys are missing")
	case key[0] == '"':
		if bytes.IndexByte(key, '\\') < 0 && len(key) > 1 && key[len(key)-1] == '"' {
			return key[1 : len(key)-1], nil
		}
		var s string
		if err := json.Unmarshal(key, &s); err != nil {
			return nil, errors.New("the key is the document's id but no JSON string")
		}
		return []byte(s), nil
	default:
		if _, err := strconv.ParseInt(string(key), 10, 64); err != nil || key[0] == '+' {
			return nil, errors.New("the key is the document's id and must be a string or a whole number of 64 bits")
		}
		return key, nil
	}
}

func (e *encoder) appendDocument(b *bulk, timestamp int64, value []byte) error {
	if e.upsert {
		b.buf = append(b.buf, `{"doc":`...)
	}
	start := len(b.buf)
	if e.stream {
		if err := e.appendTimestamped(b, timestamp, value); err != nil {
			return err
		}
	} else {
		b.buf = append(b.buf, value...)
	}
	if err := e.oneLine(b.buf[start:]); err != nil {
		return err
	}
	if e.upsert {
		b.buf = append(b.buf, `,"doc_as_upsert":true}`...)
	}
	b.buf = append(b.buf, '\n')
	return nil
}

// oneLine makes one line of a document (invariant 2): a line feed ends it, for the server, and nothing else does. In valid JSON one
// can only stand between tokens, where a blank means the same; a document that was not checked before is checked now.
func (e *encoder) oneLine(doc []byte) error {
	i := bytes.IndexByte(doc, '\n')
	if checked := e.format.Value == connectors.PayloadJSON; !checked && (i >= 0 || e.upsert) && !json.Valid(doc) {
		return errors.New("the value is no JSON document")
	}
	if i >= 0 {
		for j, c := range doc[i:] {
			if c == '\n' {
				doc[i+j] = ' '
			}
		}
	}
	return nil
}

const timestampField = "@timestamp"

// appendTimestamped adds a document for a data stream, with the field @timestamp. It replaces one that the document has,
// as Confluent's sink does, except where none of the configured fields exists: then the document stays as it is.
func (e *encoder) appendTimestamped(b *bulk, timestamp int64, value []byte) error {
	var own [2]int // the whole of the document's own field with the comma behind it
	pos := -1      // index into fields of the best match
	var match []byte
	first := skipSpace(value, 0) + 1
	last := first // behind the last comma or the brace
	end, err := eachField(value, 0, func(name []byte, from, to int) (bool, error) {
		if string(name) == timestampField {
			own = [2]int{last, to}
		}
		for i, f := range e.fields {
			if string(name) == f && (pos < 0 || i < pos) {
				pos, match = i, value[from:to]
			}
		}
		last = to
		return false, nil
	})
	if err != nil || skipSpace(value, end) != len(value) {
		return errors.New("the value is no JSON object")
	}
	if len(e.fields) > 0 && pos < 0 {
		b.buf = append(b.buf, value...)
		return nil
	}
	b.buf = append(b.buf, `{"`+timestampField+`":`...)
	switch {
	case pos >= 0:
		b.buf = append(b.buf, match...)
	default:
		b.buf = strconv.AppendInt(b.buf, timestamp, 10)
	}
	rest := value[first:]
	if own[1] != 0 {
		// the field goes together with the comma before it; where it was the first, with the comma behind it
		b.buf = appendRest(b.buf, value[first:own[0]])
		rest = value[own[1]:]
		if own[0] == first {
			if i := skipSpace(rest, 0); rest[i] == ',' {
				rest = rest[i+1:]
			}
			b.buf = appendRest(b.buf, rest)
			return nil
		}
		b.buf = append(b.buf, rest...)
		return nil
	}
	b.buf = appendRest(b.buf, rest)
	return nil
}

// appendRest adds the remaining fields of an object, with a comma before them unless there are none.
func appendRest(dst, rest []byte) []byte {
	if i := skipSpace(rest, 0); i < len(rest) && rest[i] != '}' {
		dst = append(dst, ',')
	}
	return append(dst, rest...)
}

const hexDigits = "0123456789abcdef"

// appendEscaped adds valid UTF-8 as the inside of a JSON string.
func appendEscaped(dst, s []byte) []byte {
	from := 0
	for i, c := range s {
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return append(dst, s[from:]...)
}
