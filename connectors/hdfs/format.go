package hdfs

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/sluice-connect/sluice/connectors"
)

// format is how values become the bytes of a file.
type format struct {
	extension string
	append    func(buf, value []byte) ([]byte, error)
}

func newFormat(cfg connectors.Config, payload connectors.Payload) format {
	switch lastPart(formatClass.Get(cfg)) {
	case "ByteArrayFormat":
		separator := []byte(bytesSeparator.Get(cfg))
		if len(separator) == 0 {
			separator = []byte{'\n'}
		}
		ext := bytesExtension.Get(cfg)
		if ext != "" && !strings.HasPrefix(ext, ".") {
			ext = "." + ext
		}
		return format{ext, func(buf, v []byte) ([]byte, error) { return append(append(buf, v...), separator...), nil }}
	case "StringFormat":
		if payload == connectors.PayloadJSON {
			return format{".txt", appendJSON}
		}
		return format{".txt", func(buf, v []byte) ([]byte, error) { return append(append(buf, v...), '\n'), nil }}
	default:
		switch payload {
		case connectors.PayloadString:
			return format{".json", appendText}
		case connectors.PayloadBytes:
			return format{".json", appendBase64}
		default:
			return format{".json", appendJSON}
		}
	}
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
