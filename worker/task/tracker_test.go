package task

import (
	"testing"

	"pgregory.net/rapid"
)

// TestTracker holds invariant 1 against a model that knows of every offset what it waits for.
func TestTracker(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		begin := rapid.Int64Range(-1, 100).Draw(t, "begin")
		tr := newTracker()
		tr.sent, tr.committed = begin, begin
		next := max(begin, 0)
		var collected []int64
		sent := map[int64]bool{}        // by offset, whether it is durable
		letters := map[int64]bool{}     // by offset, whether it is acknowledged
		forbidden := int64(1 << 40)     // the lowest offset that failed the task
		outstanding := func() []int64 { // letters that wait
			var o []int64
			for offset, acknowledged := range letters {
				if !acknowledged {
					o = append(o, offset)
				}
			}
			return o
		}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch rapid.IntRange(0, 7).Draw(t, "step") {
			case 0: // a good record
				collected = append(collected, next)
				next++
			case 1: // one that becomes a dead letter
				tr.await(next, false)
				letters[next] = false
				tr.passed = next + 1
				next++
			case 2: // one that is passed over
				tr.passed = next + 1
				next++
			case 3:
				if len(collected) > 0 {
					for _, offset := range collected {
						sent[offset] = false
					}
					tr.sent, tr.handed = collected[len(collected)-1]+1, true
					collected = nil
				}
			case 4:
				durable := rapid.Int64Range(0, next+2).Draw(t, "durable")
				if err := tr.report(durable); (err != nil) != (durable > tr.sent) {
					t.Fatalf("report(%d) with %d sent: %v", durable, tr.sent, err)
				} else if err == nil {
					for offset := range sent {
						sent[offset] = sent[offset] || offset < durable
					}
				}
			case 5: // the sink rejects a record, perhaps again
				if tr.handed {
					offset := rapid.Int64Range(max(tr.committed, 0), max(tr.committed, tr.sent-1)).Draw(t, "rejected")
					if _, is := sent[offset]; is && offset >= tr.committed {
						tr.await(offset, offset%2 == 0)
						letters[offset] = false
					}
				}
			case 6:
				if o := outstanding(); len(o) > 0 {
					offset := rapid.SampledFrom(o).Draw(t, "acknowledged")
					letters[offset] = true
					tr.acknowledged(offset)
				}
			case 7:
				if rapid.IntRange(0, 9).Draw(t, "fails") == 0 && next > max(tr.committed, 0) {
					offset := rapid.Int64Range(max(tr.committed, 0), next-1).Draw(t, "failed")
					tr.stopAt(offset)
					forbidden = min(forbidden, offset)
				}
			}
			offset, moved := tr.due(len(collected) > 0)
			if !moved {
				continue
			}
			if offset > next || offset > forbidden || offset <= tr.committed {
				t.Fatalf("due %d with %d committed, next %d, failed at %d", offset, tr.committed, next, forbidden)
			}
			for _, c := range collected {
				if c < offset {
					t.Fatalf("due %d, but %d is not even sent", offset, c)
				}
			}
			for o, durable := range sent {
				if o < offset && !durable {
					t.Fatalf("due %d, but %d is not durable", offset, o)
				}
			}
			for o, acknowledged := range letters {
				if o < offset && !acknowledged {
					t.Fatalf("due %d, but the dead letter of %d is not acknowledged", offset, o)
				}
			}
			if rapid.Bool().Draw(t, "commits") {
				tr.committed = offset
			}
		}
	})
}

// TestTrackerGetsOn sees that what is passed over at the end of a partition does not hold the commit back.
func TestTrackerGetsOn(t *testing.T) {
	tr := newTracker()
	tr.sent, tr.committed = 5, 5
	tr.passed = 7
	if offset, moved := tr.due(false); offset != 7 || !moved {
		t.Errorf("due %d, %v with nothing but passed records", offset, moved)
	}
	tr.await(6, true)
	if offset, moved := tr.due(false); offset != 6 || !moved {
		t.Errorf("due %d, %v with a dead letter under way", offset, moved)
	}
	tr.sent, tr.handed = 9, true
	if _, moved := tr.due(false); moved {
		t.Error("due with a record at the plugin")
	}
	tr.acknowledged(6)
	tr.passed, tr.durable = 10, 9
	if offset, _ := tr.due(false); offset != 10 {
		t.Errorf("due %d, with all durable", offset)
	}
}
