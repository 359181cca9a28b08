package publish

import (
	"strings"
	"testing"
)

func TestCheckProperties(t *testing.T) {
	tests := []struct {
		name  string
		extra map[string]string
		want  string // part of the error; empty: none
	}{
		{"none", nil, ""},
		{"security", map[string]string{"security.protocol": "SASL_SSL", "sasl.password": "hunter2"}, ""},
		{"stricter acknowledgement", map[string]string{"acks": "all"}, ""},
		{"brokers", map[string]string{"bootstrap.servers": "x"}, "bootstrap.servers cannot be set"},
		{"bound of the client", map[string]string{"queue.buffering.max.kbytes": "1"}, "use the buffer bytes setting"},
		{"binding", map[string]string{"go.events.channel.size": "1"}, "Go binding"},
		{"transactions", map[string]string{"transactional.id": "x"}, "does not use transactions"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := CheckProperties(tt.extra)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestNewRefusesBadConfigWithoutNamingSecrets(t *testing.T) {
	tests := []struct {
		name string
		cfg  Config
		want string
	}{
		{"no room", Config{Topic: "t"}, "at least one event"},
		{"unknown property", Config{Topic: "t", BufferEvents: 1, BufferBytes: 1, Properties: map[string]string{"sasl.pasword": "hunter2"}}, "sasl.pasword"},
		{"bad value", Config{Topic: "t", BufferEvents: 1, BufferBytes: 1, Properties: map[string]string{"security.protocol": "hunter2"}}, "security.protocol"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.cfg.Logger = testLogger(t)
			p, err := New(tt.cfg)
			if err == nil {
				p.Close(t.Context())
				t.Fatal("accepted")
			}
			if !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "hunter2") {
				t.Fatalf("error %q", err)
			}
		})
	}
}
