package hdfs

import (
	"bytes"
	"encoding/binary"
	"errors"
	"path"
	"strings"
)

// walBlock is a commit of Confluent's connector, as its write-ahead log has it.
type walBlock []walEntry

// walEntry is a file of such a commit: absolute paths.
type walEntry struct{ temp, final string }

var errWAL = errors.New("it is no write-ahead log of Confluent's connector")

// walLog is what a write-ahead log says.
type walLog struct {
	blocks []walBlock // that were committed
	rest   walBlock   // of a commit that was being written down
	whole  bool       // false where the log ends in the middle of something
}

// pending is the only commit whose files may still have their temporary names: the connector writes the next one down after
// all renames of the one before.
func (l walLog) pending() walBlock {
	if len(l.rest) > 0 || len(l.blocks) == 0 {
		return nil
	}
	return l.blocks[len(l.blocks)-1]
}

// parseWAL reads a write-ahead log of Confluent's HDFS connector.
//
// The format (its WALFile, after Hadoop's SequenceFile): "WAL", a version byte, 0, and 16 bytes that mark synchronisation
// points; then for each entry its length, the length of its key, key and value, or -1 and the 16 bytes before the next length.
// Numbers have 4 bytes, the highest first. Keys and values are Hadoop Texts. The key is the path of a temporary file and the
// value that of the committed one, or the key is BEGIN or END and stands around the files of a commit. Where an entry could not
// be written, the connector begins again with BEGIN and leaves out what it had written: such a BEGIN takes nothing back.
func parseWAL(log []byte) (l walLog, err error) {
	const header, mark = 4, 16
	if len(log) == 0 {
		return walLog{whole: true}, nil
	}
	if len(log) < header+mark || string(log[:3]) != "WAL" || log[3] != 0 {
		return walLog{}, errWAL
	}
	sync, rest := log[header:header+mark], log[header+mark:]
	begun := false
	for len(rest) > 0 {
		if len(rest) < 4 {
			return l, nil
		}
		length := int32(binary.BigEndian.Uint32(rest)) //nolint:gosec // the sign is meant
		rest = rest[4:]
		if length == -1 {
			if len(rest) < mark || !bytes.Equal(rest[:mark], sync) {
				return l, nil
			}
			rest = rest[mark:]
			continue
		}
		if length < 0 || len(rest) < 4+int(length) {
			return l, nil
		}
		entry := rest[4 : 4+length]
		rest = rest[4+length:]
		key, after, ok1 := hadoopText(entry)
		value, _, ok2 := hadoopText(after)
		if !ok1 || !ok2 {
			return l, nil
		}
		switch key {
		case "BEGIN":
			begun = true
		case "END":
			if len(l.rest) > 0 {
				l.blocks = append(l.blocks, l.rest)
			}
			l.rest, begun = nil, false
		default:
			if begun {
				l.rest = append(l.rest, walEntry{pathOf(key), pathOf(value)})
			}
		}
	}
	l.whole = !begun
	return l, nil
}

// hadoopText reads a text with its length before it, a number of Hadoop's WritableUtils.
func hadoopText(b []byte) (text string, rest []byte, ok bool) {
	if len(b) == 0 {
		return "", nil, false
	}
	n, b := int64(int8(b[0])), b[1:] //nolint:gosec // the sign is meant
	if n < -112 {                    // so many bytes follow; below -120 the number is negative
		size := int(-112 - n)
		if n < -120 || size > 4 || len(b) < size {
			return "", nil, false
		}
		n = 0
		for _, c := range b[:size] {
			n = n<<8 | int64(c)
		}
		b = b[size:]
	}
	if n < 0 || n > int64(len(b)) {
		return "", nil, false
	}
	return string(b[:n]), b[n:], true
}

// pathOf takes the path from a URL.
func pathOf(url string) string {
	if _, rest, ok := strings.Cut(url, "://"); ok {
		_, p, _ := strings.Cut(rest, "/")
		url = "/" + p
	}
	return path.Clean(url)
}
