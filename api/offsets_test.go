package api

import (
	"net/http"
	"regexp"
	"slices"
	"testing"
)

func TestOffsets(t *testing.T) {
	seven := int64(7)
	h := newRunning()
	h.offsets = []PartitionOffset{{Topic: "t", Partition: 0, Offset: &seven}, {Topic: "t", Partition: 12}}
	expect(t, newHandler(t, h, Options{}), request{method: "GET", path: "/connectors/g1/offsets"}, 200,
		`{"offsets":[{"partition":{"kafka_topic":"t","kafka_partition":0},"offset":{"kafka_offset":7}},{"partition":{"kafka_topic":"t","kafka_partition":12},"offset":null}]}`)
}

func TestAlterOffsets(t *testing.T) {
	const altered = `{"message":"The offsets for this connector have been altered successfully"}`
	tests := []struct{ name, body, call string }{
		{"number", `{"offsets":[{"partition":{"kafka_topic":"t","kafka_partition":1},"offset":{"kafka_offset":9223372036854775807}}]}`, `[{"Topic":"t","Partition":1,"Offset":9223372036854775807}]`},
		{"numbers as strings", `{"offsets":[{"partition":{"kafka_topic":"t","kafka_partition":"1"},"offset":{"kafka_offset":"5"}}]}`, `[{"Topic":"t","Partition":1,"Offset":5}]`},
		{"removed", `{"offsets":[{"partition":{"kafka_topic":"t","kafka_partition":1},"offset":null}]}`, `[{"Topic":"t","Partition":1,"Offset":null}]`},
		{"offset left out", `{"offsets":[{"partition":{"kafka_topic":"t","kafka_partition":1}}]}`, `[{"Topic":"t","Partition":1,"Offset":null}]`},
		{"further keys", `{"offsets":[{"partition":{"kafka_topic":"t","kafka_partition":1,"x":2},"offset":{"kafka_offset":0,"y":{}}}]}`, `[{"Topic":"t","Partition":1,"Offset":0}]`},
		{
			"several", `{"offsets":[{"partition":{"kafka_topic":"a","kafka_partition":0},"offset":{"kafka_offset":1}},{"partition":{"kafka_topic":"b","kafka_partition":0}}]}`,
			`[{"Topic":"a","Partition":0,"Offset":1},{"Topic":"b","Partition":0,"Offset":null}]`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newRunning()
			expect(t, newHandler(t, h, Options{}), request{method: "PATCH", path: "/connectors/g1/offsets", body: tt.body}, 200, altered)
			if got := h.made(); !slices.Equal(got, []string{`AlterOffsets "g1" ` + tt.call}) {
				t.Errorf("asked the herder %q, want %q", got, tt.call)
			}
		})
	}
}

// TestAlterOffsetsRefuses holds that what is no request never reaches the herder.
func TestAlterOffsetsRefuses(t *testing.T) {
	const none = "Partitions / offsets need to be provided for an alter offsets request"
	tests := []struct{ name, body, message string }{
		{"empty object", `{}`, none},
		{"null", `{"offsets":null}`, none},
		{"empty list", `{"offsets":[]}`, none},
		{"object", `{"offsets":{}}`, "field offsets: expected an array, found an object"},
		{"unknown field", `{"offset":[]}`, `unknown field "offset" in the request body; known is offsets`},
		{"null element", `{"offsets":[null]}`, "field offsets[0]: expected an object, found null"},
		{"number element", `{"offsets":[{"partition":{}},1]}`, "field offsets[1]: expected an object, found a number"},
		{"unknown field of an element", `{"offsets":[{"topic":"t"}]}`, `unknown field "topic" in offsets[0]; known are partition and offset`},
		{"partition string", `{"offsets":[{"partition":"t-0"}]}`, "field offsets[0].partition: expected an object, found a string"},
		{"offset number", `{"offsets":[{"partition":{},"offset":5}]}`, "field offsets[0].offset: expected an object, found a number"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newRunning()
			expect(t, newHandler(t, h, Options{}), request{method: "PATCH", path: "/connectors/g1/offsets", body: tt.body}, 400, badRequestBody(tt.message))
			if calls := h.made(); len(calls) > 0 {
				t.Errorf("asked the herder %q", calls)
			}
		})
	}
}

// TestAlterOffsetsOfTheWrongKind holds Connect's order: first whether the connector is there and stopped, then whether the
// offsets are those of a sink; and that none of several is changed when one of them is wrong.
func TestAlterOffsetsOfTheWrongKind(t *testing.T) {
	const good = `{"partition":{"kafka_topic":"t","kafka_partition":1},"offset":{"kafka_offset":5}},`
	tests := []struct{ name, entry, message string }{
		{"no partition", `{"offset":null}`, "The partition for a sink connector offset cannot be null or missing"},
		{"no topic", `{"partition":{"kafka_partition":1}}`, "The partition for a sink connector offset must contain the keys 'kafka_topic' and 'kafka_partition'"},
		{"of a source", `{"partition":{"filename":"x"},"offset":{"position":1}}`, "The partition for a sink connector offset must contain the keys 'kafka_topic' and 'kafka_partition'"},
		{"topic null", `{"partition":{"kafka_topic":null,"kafka_partition":1}}`, "Kafka topic names must be valid strings and may not be null"},
		{"partition null", `{"partition":{"kafka_topic":"t","kafka_partition":null}}`, "Kafka partitions must be valid numbers and may not be null"},
		{"partition text", `{"partition":{"kafka_topic":"t","kafka_partition":"x"}}`, "Failed to parse the following Kafka partition value in the provided offsets: 'x'. Partition values for sink connectors need to be integers."},
		{"partition beyond 32 bits", `{"partition":{"kafka_topic":"t","kafka_partition":2147483648}}`, "Failed to parse the following Kafka partition value in the provided offsets: '2147483648'. Partition values for sink connectors need to be integers."},
		{"partition negative", `{"partition":{"kafka_topic":"t","kafka_partition":-1}}`, "The partition -1 of topic t in the provided offsets is negative"},
		{"no offset key", `{"partition":{"kafka_topic":"t","kafka_partition":1},"offset":{}}`, "The offset for a sink connector should either be null or contain the key 'kafka_offset'"},
		{"offset text", `{"partition":{"kafka_topic":"t","kafka_partition":1},"offset":{"kafka_offset":"end"}}`, "Failed to parse the following Kafka offset value in the provided offsets: 'end'. Offset values for sink connectors need to be integers."},
		{"offset fraction", `{"partition":{"kafka_topic":"t","kafka_partition":1},"offset":{"kafka_offset":1.5}}`, "Failed to parse the following Kafka offset value in the provided offsets: '1.5'. Offset values for sink connectors need to be integers."},
		{"offset null", `{"partition":{"kafka_topic":"t","kafka_partition":1},"offset":{"kafka_offset":null}}`, "Failed to parse the following Kafka offset value in the provided offsets: 'null'. Offset values for sink connectors need to be integers."},
		{"offset negative", `{"partition":{"kafka_topic":"t","kafka_partition":1},"offset":{"kafka_offset":-1}}`, "The offset -1 of partition t-1 in the provided offsets is negative; an offset of null removes the committed one"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newRunning()
			a := newHandler(t, h, Options{})
			q := request{method: "PATCH", path: "/connectors/g1/offsets", body: `{"offsets":[` + good + tt.entry + `]}`}
			expect(t, a, q, 400, badRequestBody(tt.message))
			if got := h.made(); !slices.Equal(got, []string{`AlterOffsets "g1" null`}) {
				t.Errorf("asked the herder %q; it must change nothing", got)
			}
			h.err = &Error{Status: http.StatusNotFound, Message: "Connector g1 not found"}
			expect(t, a, q, 404, `{"error_code":404,"message":"Connector g1 not found"}`)
		})
	}
}

// TestOrderOfOffsets holds the order to what Kafka Connect 4.3.1 answered for the same partitions.
func TestOrderOfOffsets(t *testing.T) {
	h := newRunning()
	for _, topic := range []struct {
		name       string
		partitions int32
	}{{"connect-offsets", 5}, {"golden-t", 3}, {"connect-status", 3}} {
		for p := range topic.partitions {
			h.offsets = append(h.offsets, PartitionOffset{Topic: topic.name, Partition: p})
		}
	}
	_, body := ask(t, newHandler(t, h, Options{}), request{method: "GET", path: "/connectors/g1/offsets"})
	var got []string
	for _, m := range regexp.MustCompile(`"kafka_topic":"([^"]+)","kafka_partition":(\d+)`).FindAllStringSubmatch(body, -1) {
		got = append(got, m[1]+"-"+m[2])
	}
	want := []string{
		"golden-t-2", "connect-offsets-2", "golden-t-1", "connect-status-1", "connect-offsets-1", "golden-t-0",
		"connect-status-2", "connect-offsets-0", "connect-status-0", "connect-offsets-4", "connect-offsets-3",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
	many := make([]PartitionOffset, 100)
	for i := range many {
		many[i] = PartitionOffset{Topic: "t", Partition: int32(i)}
	}
	sortAsJava(many)
	slices.SortFunc(many, func(a, b PartitionOffset) int { return int(a.Partition - b.Partition) })
	for i, o := range many {
		if o.Partition != int32(i) {
			t.Fatalf("partition %d is lost", i)
		}
	}
}

func TestLastOffsetOfAPartitionCounts(t *testing.T) {
	h := newRunning()
	const body = `{"offsets":[{"partition":{"kafka_topic":"t","kafka_partition":0},"offset":{"kafka_offset":1}},{"partition":{"kafka_topic":"t","kafka_partition":"0"},"offset":null}]}`
	ask(t, newHandler(t, h, Options{}), request{method: "PATCH", path: "/connectors/g1/offsets", body: body})
	if got, want := h.made(), []string{`AlterOffsets "g1" [{"Topic":"t","Partition":0,"Offset":null}]`}; !slices.Equal(got, want) {
		t.Errorf("asked the herder %q, want %q", got, want)
	}
}
