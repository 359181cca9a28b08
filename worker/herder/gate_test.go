package herder

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{slots: make(chan struct{}, 2), patience: time.Second}
		began := time.Now()
		enter := func() (leave func(), after time.Duration) {
			t.Helper()
			leave, err := g.enter(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return leave, time.Since(began)
		}
		first, _ := enter()
		second, after := enter()
		if after != 0 {
			t.Errorf("the second waits for %s", after)
		}
		time.AfterFunc(300*time.Millisecond, first)
		third, after := enter()
		if after != 300*time.Millisecond {
			t.Errorf("the third waits for %s, not until the first leaves", after)
		}
		if _, after = enter(); after != time.Second {
			t.Errorf("the fourth waits for %s, not until the patience with the second is over", after)
		}
		second() // it was passed over before, and frees nothing that another has now
		third()
		if _, after = enter(); after != time.Second {
			t.Errorf("the fifth waits until %s, although the third has left", after)
		}
		short, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := g.enter(short); err == nil {
			t.Error("a sixth has entered")
		}
	})
}
