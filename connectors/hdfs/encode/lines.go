package encode

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/sluice-connect/sluice/connectors"
)

// lineFunc adds a value, and what ends it, to a file.
type lineFunc func(buf, value []byte) ([]byte, error)

// lines gives the way of writing values one behind the other, and the extension of such files.
func lines(class string, o Options) (f lineFunc, extension string) {
	switch {
	case class == ByteArray:
		ext := o.Extension
		if ext != "" && !strings.HasPrefix(ext, ".") {
			ext = "." + ext
		}
		if o.Separator == "" {
			return ended([]byte{'\n'}), ext
		}
		return ended([]byte(o.Separator)), ext
	case class == String && o.Payload == connectors.PayloadJSON:
		return appendJSON, ".txt"
	case class == String:
		return ended([]byte{'\n'}), ".txt"
	case o.Payload == connectors.PayloadString:
		return appendText, ".json"
	case o.Payload == connectors.PayloadBytes:
		return appendBase64, ".json"
	default:
		return appendJSON, ".json"
	}
}

// ended writes values as they are.
func ended(separator []byte) lineFunc {
	return func(buf, v []byte) ([]byte, error) { return append(append(buf, v...), separator...), nil }
}

// appendJSON passes a document through. A line feed can only stand between its tokens, where a blank means the same.
func appendJSON(buf, v []byte) ([]byte, error) {
	start := len(buf)
	buf = append(buf, v...)
	if bytes.IndexByte(v, '\n') >= 0 {
		for i := start; i < len(buf); i++ {
			if buf[i] == '\n' {
				buf[i] = ' '
			}
		}
	}
	return append(buf, '\n'), nil
}

// appendText writes a text as a JSON string.
func appendText(buf, v []byte) ([]byte, error) {
	plain := utf8.Valid(v)
	for _, c := range v {
		plain = plain && c >= ' ' && c != '"' && c != '\\'
	}
	if plain {
		buf = append(append(append(buf, '"'), v...), '"')
		return append(buf, '\n'), nil
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(string(v)); err != nil { // it ends the line
		return buf, err
	}
	return append(buf, b.Bytes()...), nil
}

// appendBase64 writes bytes as Kafka Connect's JSON does.
func appendBase64(buf, v []byte) ([]byte, error) {
	buf = append(buf, '"')
	buf = base64.StdEncoding.AppendEncode(buf, v)
	return append(buf, '"', '\n'), nil
}
