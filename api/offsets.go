package api

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"unicode/utf16"
)

// The keys under which Connect shows the offsets of sink connectors.
const (
	topicKey     = "kafka_topic"
	partitionKey = "kafka_partition"
	offsetKey    = "kafka_offset"
)

type offsetsBody struct {
	Offsets []offsetEntry `json:"offsets"`
}

type offsetEntry struct {
	Partition struct {
		Topic     string `json:"kafka_topic"`
		Partition int32  `json:"kafka_partition"`
	} `json:"partition"`
	Offset *offsetValue `json:"offset"`
}

type offsetValue struct {
	Offset int64 `json:"kafka_offset"`
}

func offsets(h Herder, r *http.Request) (answer, error) {
	all, err := h.Offsets(r.Context(), param(r, "connector"))
	sortAsJava(all)
	body := offsetsBody{Offsets: make([]offsetEntry, len(all))}
	for i, o := range all {
		body.Offsets[i].Partition.Topic, body.Offsets[i].Partition.Partition = o.Topic, o.Partition
		if o.Offset != nil {
			body.Offsets[i].Offset = &offsetValue{*o.Offset}
		}
	}
	return ok(body), err
}

// alterOffsets changes some offsets. Connect looks at the connector before it looks at the offsets, so that offsets
// which make no sense are refused last: an alteration of nothing asks the herder whether it would take one.
func alterOffsets(h Herder, r *http.Request) (answer, error) {
	name := param(r, "connector")
	entries, err := decodeOffsets(r)
	if err != nil {
		return answer{}, err
	}
	changes, wrong := parseOffsets(entries)
	said, err := h.AlterOffsets(r.Context(), name, changes)
	if err == nil && wrong != nil {
		err = wrong
	}
	return ok(message{said}), err
}

func resetOffsets(h Herder, r *http.Request) (answer, error) {
	said, err := h.ResetOffsets(r.Context(), param(r, "connector"))
	return ok(message{said}), err
}

// rawOffset is an element of the request: maps, whose values may be numbers or strings.
type rawOffset struct{ partition, offset map[string]json.RawMessage }

func decodeOffsets(r *http.Request) ([]rawOffset, error) {
	fields, err := decodeObject(r, "offsets")
	if err != nil {
		return nil, err
	}
	for field := range fields {
		if field != "offsets" {
			return nil, badRequest("unknown field %q in the request body; known is offsets", field)
		}
	}
	var elements []json.RawMessage
	if raw := fields["offsets"]; !isNull(raw) {
		if err := json.Unmarshal(raw, &elements); err != nil {
			return nil, badRequest("field offsets: expected an array, found %s", jsonKind(raw))
		}
	}
	if len(elements) == 0 {
		return nil, badRequest("Partitions / offsets need to be provided for an alter offsets request")
	}
	out := make([]rawOffset, len(elements))
	for i, element := range elements {
		at := "offsets[" + strconv.Itoa(i) + "]"
		parts, err := object(at, element)
		switch {
		case err != nil:
			return nil, err
		case parts == nil:
			return nil, badRequest("field %s: expected an object, found null", at)
		}
		for field := range parts {
			if field != "partition" && field != "offset" {
				return nil, badRequest("unknown field %q in %s; known are partition and offset", field, at)
			}
		}
		if out[i].partition, err = object(at+".partition", parts["partition"]); err != nil {
			return nil, err
		}
		if out[i].offset, err = object(at+".offset", parts["offset"]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// object reads an object; null and nothing are nil.
func object(field string, raw json.RawMessage) (map[string]json.RawMessage, error) {
	if isNull(raw) {
		return nil, nil //nolint:nilnil // null is a value of its own here
	}
	var out map[string]json.RawMessage
	if err := json.Unmarshal(raw, &out); err != nil {
		return nil, badRequest("field %s: expected an object, found %s", field, jsonKind(raw))
	}
	return out, nil
}

// sortAsJava brings offsets into the order in which Connect lists them, that of a hash map of Java: clients that compare whole
// answers have seen no other.
func sortAsJava(offsets []PartitionOffset) {
	buckets := uint32(16)
	for 4*len(offsets) > 3*int(buckets) {
		buckets *= 2
	}
	bucket := func(o PartitionOffset) uint32 {
		var topic int32
		for _, c := range utf16.Encode([]rune(o.Topic)) {
			topic = 31*topic + int32(c)
		}
		hash := uint32(31*(31+o.Partition) + topic)
		return (hash ^ hash>>16) & (buckets - 1)
	}
	slices.SortStableFunc(offsets, func(a, b PartitionOffset) int { return cmp.Compare(bucket(a), bucket(b)) })
}

// parseOffsets reads the offsets of a sink connector; numbers may be strings. Of a partition that comes twice the last counts,
// as in Connect.
func parseOffsets(entries []rawOffset) ([]PartitionOffset, error) {
	var out []PartitionOffset
	for _, e := range entries {
		o, err := e.parse()
		if err != nil {
			return nil, err
		}
		out = slices.DeleteFunc(out, func(other PartitionOffset) bool { return other.Topic == o.Topic && other.Partition == o.Partition })
		out = append(out, o)
	}
	return out, nil
}

func (e rawOffset) parse() (PartitionOffset, error) {
	var o PartitionOffset
	if e.partition == nil {
		return o, badRequest("The partition for a sink connector offset cannot be null or missing")
	}
	topic, hasTopic := e.partition[topicKey]
	partition, hasPartition := e.partition[partitionKey]
	switch {
	case !hasTopic || !hasPartition:
		return o, badRequest("The partition for a sink connector offset must contain the keys '%s' and '%s'", topicKey, partitionKey)
	case isNull(topic):
		return o, badRequest("Kafka topic names must be valid strings and may not be null")
	case isNull(partition):
		return o, badRequest("Kafka partitions must be valid numbers and may not be null")
	}
	o.Topic = text(topic)
	n, err := strconv.ParseInt(text(partition), 10, 32)
	if err != nil {
		return o, badRequest("Failed to parse the following Kafka partition value in the provided offsets: '%s'. Partition values for sink connectors need to be integers.", text(partition))
	}
	if n < 0 {
		return o, badRequest("The partition %d of topic %s in the provided offsets is negative", n, o.Topic)
	}
	o.Partition = int32(n)
	if e.offset == nil {
		return o, nil
	}
	offset, has := e.offset[offsetKey]
	if !has {
		return o, badRequest("The offset for a sink connector should either be null or contain the key '%s'", offsetKey)
	}
	v, err := strconv.ParseInt(text(offset), 10, 64)
	if err != nil {
		return o, badRequest("Failed to parse the following Kafka offset value in the provided offsets: '%s'. Offset values for sink connectors need to be integers.", text(offset))
	}
	if v < 0 {
		return o, badRequest("The offset %d of partition %s-%d in the provided offsets is negative; an offset of null removes the committed one", v, o.Topic, o.Partition)
	}
	o.Offset = &v
	return o, nil
}

// text is a scalar without its quotes, and anything else as it was written.
func text(raw json.RawMessage) string {
	if s, err := scalar("", raw); err == nil && s != nil {
		return *s
	}
	return string(raw)
}
