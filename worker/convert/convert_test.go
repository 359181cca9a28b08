package convert

import (
	"strings"
	"testing"

	"github.com/sluice-connect/sluice/connectors"
)

func TestPayload(t *testing.T) {
	off := map[string]string{"schemas.enable": "false"}
	for _, tc := range []struct {
		name, class string
		props       map[string]string
		want        connectors.Payload
		wantErr     string
	}{
		{"json", JSONConverter, off, connectors.PayloadJSON, ""},
		{"json by simple name", "JsonConverter", off, connectors.PayloadJSON, ""},
		{"json by alias", "Json", off, connectors.PayloadJSON, ""},
		{"json, False", " " + JSONConverter + " ", map[string]string{"schemas.enable": " False "}, connectors.PayloadJSON, ""},
		{"json without saying", JSONConverter, nil, 0, "needs schemas.enable=false"},
		{"json with schemas", JSONConverter, map[string]string{"schemas.enable": "true"}, 0, "schemas.enable=true is not supported"},
		{"string", StringConverter, nil, connectors.PayloadString, ""},
		{"string in utf-8", "String", map[string]string{"converter.encoding": "UTF-8"}, connectors.PayloadString, ""},
		{"string in utf8", "StringConverter", map[string]string{"converter.encoding": "UTF8"}, connectors.PayloadString, ""},
		{"string in latin 1", StringConverter, map[string]string{"converter.encoding": "ISO-8859-1"}, 0, "must be UTF-8"},
		{"bytes", ByteArrayConverter, nil, connectors.PayloadBytes, ""},
		{"bytes by alias", "ByteArray", nil, connectors.PayloadBytes, ""},
		{"avro", "io.confluent.connect.avro.AvroConverter", nil, 0, "is not known; use one of " + ByteArrayConverter},
		{"nothing", "", nil, 0, "is not known"},
		{"package only", "org.apache.kafka.connect.json", nil, 0, "is not known"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := Payload(tc.class, tc.props)
			if got != tc.want || (err == nil) != (tc.wantErr == "") || err != nil && !strings.Contains(err.Error(), tc.wantErr) {
				t.Errorf("Payload = %v, %v; wanted %v, %q", got, err, tc.want, tc.wantErr)
			}
		})
	}
}
