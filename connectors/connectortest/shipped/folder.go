package shipped

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/connectors/connectortest"
)

// File is a file for the file sink.
func File(tb testing.TB) connectortest.Target {
	tb.Helper()
	name := filepath.Join(tb.TempDir(), "out")
	return connectortest.Target{
		Config: map[string]string{"file": name},
		Stored: func(context.Context) ([][]byte, error) {
			text, err := os.ReadFile(filepath.Clean(name))
			return lines(text), missing(err)
		},
	}
}

// HDFSModes are configurations of the HDFS sink that differ in how files come about: one after the other, one that
// grows, and files that are too large for memory. Files end in the middle of batches.
func HDFSModes() map[string]map[string]string {
	return map[string]map[string]string{
		"flush":  {"flush.size": "50"},
		"append": {"flush.size": "50", "sluice.write.mode": "append"},
		"stream": {"flush.size": "1000000", "sluice.buffer.bytes": "65536", "sluice.file.bytes": "1048576"},
	}
}

// Folder is a folder of this machine for the HDFS sink.
func Folder(tb testing.TB, values connectors.Payload, mode map[string]string) connectortest.Target {
	tb.Helper()
	root := tb.TempDir()
	return connectortest.Target{
		Config: hdfsConfig("file://"+root, values, mode),
		Stored: func(context.Context) ([][]byte, error) { return readFolder(os.DirFS(root)) },
	}
}

// hdfsConfig writes each payload as it is, one value to a line.
func hdfsConfig(url string, values connectors.Payload, mode map[string]string) map[string]string {
	config := map[string]string{"store.url": url, "sluice.hdfs.timeout.ms": "10000", "retry.backoff.ms": "100"}
	switch values {
	case connectors.PayloadString:
		config["format.class"] = "StringFormat"
	case connectors.PayloadBytes:
		config["format.class"] = "ByteArrayFormat"
	default:
		config["format.class"] = "JsonFormat"
	}
	maps.Copy(config, mode)
	return config
}

// readFolder gives the lines of all committed files under a root, in the order of the files' names; the offsets in
// them are padded with zeros, which makes it the order of the records.
func readFolder(root fs.FS) ([][]byte, error) {
	var all [][]byte
	err := fs.WalkDir(root, topicsDir, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return missing(err)
		case d.IsDir() && hidden(d.Name()):
			return fs.SkipDir
		case d.IsDir():
			return nil
		}
		text, err := fs.ReadFile(root, name)
		all = append(all, lines(text)...)
		return missing(err)
	})
	return all, err
}

const topicsDir = "topics"

// hidden says whether a folder is none of a topic's.
func hidden(name string) bool { return strings.HasPrefix(name, "+") }

// missing passes over what does not exist yet, and over what was renamed while others were read.
func missing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// lines gives the whole lines of a text, without their ends.
func lines(text []byte) [][]byte {
	all := bytes.Split(text, []byte{'\n'})
	return all[:len(all)-1]
}
