package plugins

import (
	"errors"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/plugins/protocol"
)

// TestOutbox puts news in at random and takes them out at random: nothing but replaced news may be missing, nothing may change its
// place with a message that is not merged, and what waits is bounded.
func TestOutbox(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const openings = 3
		o := newOutbox()
		type state struct {
			taken, durable int64
			trouble        int
			fixed          int
		}
		var put, got [openings]state
		var at [openings][]state // what had been put in when each message that is not merged was
		waitingFixed := 0
		drain := func() {
			err := o.run(func(m *protocol.FromPlugin) error {
				switch e := fromEvent(m).(type) {
				case Taken:
					got[e.ID].taken += e.Size
				case Durable:
					if e.Next <= got[e.ID].durable {
						t.Fatalf("durable went from %d to %d", got[e.ID].durable, e.Next)
					}
					got[e.ID].durable = e.Next
				case Trouble:
					got[e.ID].trouble = int(e.Err.Offset)
				case Rejected:
					want := at[e.ID][got[e.ID].fixed]
					have := got[e.ID]
					have.fixed = want.fixed
					if have.durable > want.durable || have.taken > want.taken || have.trouble > want.trouble {
						t.Fatalf("news overtook: %+v, but when it was put in there was %+v", have, want)
					}
					if have.durable < want.durable || have.taken < want.taken {
						t.Fatalf("it overtook older news: %+v, but when it was put in there was %+v", have, want)
					}
					if int(e.Offset) != got[e.ID].fixed {
						t.Fatalf("rejection %d comes as number %d", e.Offset, got[e.ID].fixed)
					}
					got[e.ID].fixed++
					waitingFixed--
				}
				return nil
			}, closedChannel())
			if err != nil {
				t.Fatal(err)
			}
		}
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			id := uint32(rapid.IntRange(0, openings-1).Draw(t, "opening"))
			s := &put[id]
			switch rapid.IntRange(0, 4).Draw(t, "step") {
			case 0:
				size := int64(rapid.IntRange(1, 100).Draw(t, "size"))
				s.taken += size
				o.taken(id, size)
			case 1:
				s.durable += int64(rapid.IntRange(1, 100).Draw(t, "records"))
				o.durable(id, s.durable)
			case 2:
				s.trouble++
				o.trouble(id, connectors.Retriable("", nil, "").At(p0, int64(s.trouble))) // numbered by its offset
			case 3:
				at[id] = append(at[id], *s)
				o.rejected(id, int64(s.fixed), errors.New("bad"))
				s.fixed++
				waitingFixed++
			case 4:
				drain()
			}
			// Between two messages that are not merged there is at most one of each kind that is.
			if most := (waitingFixed + openings) * 4; len(o.queue) > most {
				t.Fatalf("%d messages wait", len(o.queue))
			}
		}
		o.close()
		drain()
		for id := range put {
			if got[id] != put[id] {
				t.Fatalf("opening %d: put in %+v, came out %+v", id, put[id], got[id])
			}
		}
	})
}

func closedChannel() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}

// TestOutboxBesideSender has the sender run beside those who put in.
func TestOutboxBesideSender(t *testing.T) {
	o := newOutbox()
	var taken int64
	rejected := 0
	done := make(chan error)
	go func() {
		done <- o.run(func(m *protocol.FromPlugin) error {
			switch e := fromEvent(m).(type) {
			case Taken:
				taken += e.Size
			case Rejected:
				rejected++
			}
			return nil
		}, nil)
	}()
	var wg sync.WaitGroup
	for id := range uint32(4) {
		wg.Go(func() {
			for i := range int64(5000) {
				o.taken(id, 1)
				o.durable(id, i+1)
				if i%10 == 0 {
					o.rejected(id, i, errors.New("bad"))
				}
			}
		})
	}
	wg.Wait()
	o.close()
	if err := <-done; err != nil || taken != 20000 || rejected != 2000 {
		t.Errorf("%v; %d taken, %d rejected", err, taken, rejected)
	}
}
