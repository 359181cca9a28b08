package hdfs

import (
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/sluice-connect/sluice/connectors"
)

// naming makes and reads the names of files and folders, by Confluent's scheme:
//
//	<topics.dir>/<topic>/<folder>/<topic>+<n>+<first offset>+<last offset>.<ext>          a committed file
//	<topics.dir>/<topic>/partition=<n>/<topic>+<n>+<first offset>~<generation>.<ext>      the growing file of append mode
//	<topics.dir>/+tmp/<topic>/partition=<n>/<opening>/…                                   files in the making
//	<topics.dir>/+tmp/+fenced/<topic>/partition=<n>/<opening>                             what was taken from predecessors
//	<logs.dir>/<topic>/<n>/progress.json                                                  progress of append mode
//	<logs.dir>/<topic>/<n>/commit.json                                                    the last commit of several files
type naming struct {
	topics string // absolute
	logs   string // absolute
	delim  string
	width  int
	ext    string // with its dot, or empty
}

// growingMark stands before the generation of a growing file; in append mode no other delimiter may be the same.
const growingMark = "~"

func (n naming) dir(p connectors.Partition) string {
	return path.Join(n.topics, p.Topic, "partition="+strconv.Itoa(int(p.ID)))
}

func (n naming) temp(p connectors.Partition) string {
	return path.Join(n.topics, "+tmp", p.Topic, "partition="+strconv.Itoa(int(p.ID)))
}

func (n naming) fenced(p connectors.Partition) string {
	return path.Join(n.topics, "+tmp", "+fenced", p.Topic, "partition="+strconv.Itoa(int(p.ID)))
}

func (n naming) progress(p connectors.Partition) string {
	return path.Join(n.logs, p.Topic, strconv.Itoa(int(p.ID)), "progress.json")
}

func (n naming) manifest(p connectors.Partition) string {
	return path.Join(n.logs, p.Topic, strconv.Itoa(int(p.ID)), "commit.json")
}

// file is the name of a committed file in the folder of its Kafka partition.
func (n naming) file(p connectors.Partition, first, last int64) string {
	return path.Join(n.dir(p), n.base(p, first, last))
}

// base is the name of a committed file in its folder.
func (n naming) base(p connectors.Partition, first, last int64) string {
	return fmt.Sprintf("%s%s%d%s%0*d%s%0*d%s", p.Topic, n.delim, p.ID, n.delim, n.width, first, n.delim, n.width, last, n.ext)
}

// growing is what the name of a growing file says.
type growing struct {
	first      int64
	generation int
	ext        string
}

func (n naming) growing(p connectors.Partition, g growing) string {
	return path.Join(n.dir(p), fmt.Sprintf("%s%s%d%s%0*d%s%d%s", p.Topic, n.delim, p.ID, n.delim, n.width, g.first, growingMark, g.generation, g.ext))
}

// parseFile reads the name of a committed file of this partition. Files of other formats count too: a connector whose
// format changed goes on where it was.
func (n naming) parseFile(p connectors.Partition, name string) (first, last int64, ok bool) {
	rest, ok := strings.CutPrefix(name, p.Topic+n.delim+strconv.Itoa(int(p.ID))+n.delim)
	if !ok {
		return 0, 0, false
	}
	rest, _, _ = strings.Cut(rest, ".")
	a, b, ok := strings.Cut(rest, n.delim)
	if !ok {
		return 0, 0, false
	}
	first, ok1 := parseOffset(a)
	last, ok2 := parseOffset(b)
	return first, last, ok1 && ok2 && first <= last
}

// parseGrowing reads the name of a growing file of this partition, of whatever format.
func (n naming) parseGrowing(p connectors.Partition, name string) (g growing, ok bool) {
	rest, ok := strings.CutPrefix(name, p.Topic+n.delim+strconv.Itoa(int(p.ID))+n.delim)
	if !ok {
		return growing{}, false
	}
	if dot := strings.IndexByte(rest, '.'); dot >= 0 {
		rest, g.ext = rest[:dot], rest[dot:]
	}
	a, b, ok := strings.Cut(rest, growingMark)
	if !ok {
		return growing{}, false
	}
	first, ok1 := parseOffset(a)
	generation, ok2 := parseOffset(b)
	g.first, g.generation = first, int(generation)
	return g, ok1 && ok2 && generation < 1<<31
}

func parseOffset(s string) (int64, bool) {
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return 0, false
		}
	}
	v, err := strconv.ParseInt(s, 10, 64)
	return v, err == nil
}
