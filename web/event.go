package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// timestampLayout is Java's pattern yyyy-MM-dd'T'HH:mm:ss.SSSZ.
const timestampLayout = "2006-01-02T15:04:05.000-0700"

// maxUserAgent is the most bytes kept of a browser's name; real ones stay under 400.
const maxUserAgent = 1024

// selectEvent is the pick of a colour as it is published. The order of the fields is the order of the keys (invariant 2).
type selectEvent struct {
	Timestamp string `json:"timestamp"`
	UserAgent string `json:"userAgent"`
	ColorName string `json:"colorName"`
	UserName  string `json:"userName"`
}

// encodeSelect makes the event of a pick at the given time.
func encodeSelect(at time.Time, userAgent, color, user string) ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false) // plain JSON, as other producers of this topic write it
	err := enc.Encode(selectEvent{
		Timestamp: at.UTC().Format(timestampLayout),
		UserAgent: tidyUserAgent(userAgent),
		ColorName: color,
		UserName:  user,
	})
	if err != nil {
		return nil, fmt.Errorf("encode event: %w", err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// tidyUserAgent makes valid UTF-8 of at most maxUserAgent bytes out of whatever a browser sent.
func tidyUserAgent(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= maxUserAgent {
		return s
	}
	cut := maxUserAgent
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut]
}
