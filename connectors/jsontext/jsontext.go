// Package jsontext reads the texts of JSON documents.
//
// # Invariants
//
//  1. What it is given is what stands between the quotes of a text that has been checked; nobody checks twice.
//  2. Half a surrogate pair becomes U+FFFD, as for Go's and most other readers.
//
// # Neighbours
//
// worker/convert reads with it what a converter parses, connectors/hdfs the documents of which it makes columns.
package jsontext

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// AppendUnescaped adds a text as it is meant to dst.
func AppendUnescaped(dst, text []byte) []byte {
	for {
		at := bytes.IndexByte(text, '\\')
		if at < 0 {
			return append(dst, text...)
		}
		dst, text = append(dst, text[:at]...), text[at:]
		n := 2
		switch c := text[1]; c {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			var r rune
			r, n = character(text)
			dst = utf8.AppendRune(dst, r)
		default:
			dst = append(dst, c)
		}
		text = text[n:]
	}
}

// character reads what one escape of the form \uXXXX stands for, or two that are a surrogate pair, and their length.
func character(text []byte) (r rune, n int) {
	const escape = 6
	r, _ = Hex4(text)
	if !utf16.IsSurrogate(r) {
		return r, escape
	}
	if low, ok := Hex4(text[escape:]); ok {
		if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
			return pair, 2 * escape
		}
	}
	return utf8.RuneError, escape
}

// Hex4 reads an escape of the form \uXXXX, with which b begins.
func Hex4(b []byte) (r rune, ok bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	for _, c := range b[2:6] {
		r <<= 4
		switch {
		case c >= '0' && c <= '9':
			r |= rune(c - '0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			r |= rune(c|0x20-'a') + 10
		default:
			return 0, false
		}
	}
	return r, true
}
