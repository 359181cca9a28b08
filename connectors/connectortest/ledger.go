package connectortest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/sluice-connect/sluice/connectors"
)

// place is where a record stands.
type place struct {
	partition connectors.Partition
	offset    int64
}

func (p place) String() string {
	return p.partition.String() + " offset " + strconv.FormatInt(p.offset, 10)
}

// document is what the suite writes: a value that names its own place.
type document struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`
	Fill      string `json:"fill"`
}

// kind says what stands at a place.
type kind uint8

const (
	whole kind = iota // a document
	null
	empty
)

// ledger is what the partitions hold: everything that a reader may find, and in the end must.
type ledger struct {
	payload connectors.Payload

	mu    sync.Mutex
	given map[place]given
}

type given struct {
	kind kind
	fill string
}

func newLedger(payload connectors.Payload) *ledger {
	return &ledger{payload: payload, given: map[place]given{}}
}

// enter notes a record and gives its value. fill is how large its text is.
func (l *ledger) enter(at place, k kind, fill int) []byte {
	var text string
	if fill > 0 {
		unit := strconv.FormatInt(at.offset, 36) + " "
		text = strings.Repeat(unit, fill/len(unit)+1)[:fill]
	}
	l.mu.Lock()
	l.given[at] = given{k, text}
	l.mu.Unlock()
	switch k {
	case null:
		return nil
	case empty:
		return []byte{}
	default:
	}
	value, err := json.Marshal(document{at.partition.Topic, at.partition.ID, at.offset, text})
	if err != nil {
		panic(err) // a struct of numbers and strings
	}
	if l.payload == connectors.PayloadJSON && at.offset%5 == 0 { // line breaks between tokens are JSON as well
		var b bytes.Buffer
		if err := json.Indent(&b, value, "", " "); err != nil {
			panic(err) // what Marshal has made
		}
		return b.Bytes()
	}
	return value
}

// count is how many records of a kind there are.
func (l *ledger) count(k kind) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, g := range l.given {
		if g.kind == k {
			n++
		}
	}
	return n
}

// view is what a reader has found.
type view struct {
	times  map[place]int                    // how often
	order  map[connectors.Partition][]int64 // as it was found first
	others int                              // values that are no documents
}

// sort tells what the values are. It fails for those that nobody has written or that are damaged (invariants 3 and 8).
func (l *ledger) sort(values [][]byte) (view, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	v := view{times: map[place]int{}, order: map[connectors.Partition][]int64{}}
	var wrong problems
	for _, value := range values {
		var d document
		if err := json.Unmarshal(value, &d); err != nil || d.Topic == "" {
			if len(bytes.TrimSpace(value)) > 0 && string(value) != "null" {
				wrong.add("a stored value is damaged: %.200q", value)
			}
			v.others++
			continue
		}
		at := place{connectors.Partition{Topic: d.Topic, ID: d.Partition}, d.Offset}
		switch g, ok := l.given[at]; {
		case !ok || g.kind != whole:
			wrong.add("%s is stored, but was never written: %.200q", at, value)
		case g.fill != d.Fill:
			wrong.add("%s is stored with another text of %d bytes: %.200q", at, len(d.Fill), value)
		}
		if v.times[at] == 0 {
			v.order[at.partition] = append(v.order[at.partition], at.offset)
		}
		v.times[at]++
	}
	return v, wrong.err()
}

// missing gives the documents of a partition below an offset that a reader has not found.
func (l *ledger) missing(v view, p connectors.Partition, below int64) []int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []int64
	for at, g := range l.given {
		if at.partition == p && at.offset < below && g.kind == whole && v.times[at] == 0 {
			out = append(out, at.offset)
		}
	}
	slices.Sort(out)
	return out
}

// problems are errors, of which there may be as many as there are records.
type problems struct {
	list []error
	more int
}

const mostProblems = 5

func (p *problems) add(format string, args ...any) {
	if len(p.list) == mostProblems {
		p.more++
		return
	}
	p.list = append(p.list, fmt.Errorf(format, args...))
}

func (p *problems) err() error {
	if p.more > 0 {
		return errors.Join(append(p.list, fmt.Errorf("… and %d more", p.more))...)
	}
	return errors.Join(p.list...)
}

// look reads the target.
func (b *bench) look() (view, error) {
	var values [][]byte
	err := b.call("reading the target", func(ctx context.Context) (err error) {
		values, err = b.target.Stored(ctx)
		return err
	})
	if err != nil {
		return view{}, err
	}
	return b.ledger.sort(values)
}

// everything checks that all that was ever written is stored: once, where the sink says so (invariants 3, 6 and 7).
func (b *bench) everything() error {
	v, err := b.look()
	if err != nil {
		return err
	}
	var wrong problems
	seen := map[connectors.Partition]bool{}
	for _, n := range b.sessions {
		p := n.acks.partition
		if seen[p] {
			continue
		}
		seen[p] = true
		if lost := b.ledger.missing(v, p, 1<<62); len(lost) > 0 {
			wrong.add("partition %s: %d records are lost: %s", p, len(lost), some(lost))
		}
		if b.subject.Ordered && !slices.IsSorted(v.order[p]) {
			wrong.add("partition %s: its records are stored out of order: %s", p, some(v.order[p]))
		}
	}
	if b.subject.Guarantee == ExactlyOnce {
		for at, n := range v.times {
			if n > 1 {
				wrong.add("%s is stored %d times", at, n)
			}
		}
	}
	return wrong.err()
}

// some prints the first of many offsets.
func some(offsets []int64) string {
	const most = 20
	if len(offsets) <= most {
		return fmt.Sprint(offsets)
	}
	return fmt.Sprintf("%v … (%d more)", offsets[:most], len(offsets)-most)
}
