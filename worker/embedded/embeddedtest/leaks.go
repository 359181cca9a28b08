package embeddedtest

import (
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// Main runs the tests of a package, and fails when goroutines are left that do not end.
func Main(m *testing.M, options ...goleak.Option) {
	code := m.Run()
	if code == 0 {
		if err := Leaks(options...); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// Leaks gives the goroutines that are left, as an error. Clients of a broker end some of theirs in the background, and a machine may be
// slow: they are waited for longer than goleak does by itself.
func Leaks(options ...goleak.Option) error {
	err := goleak.Find(options...)
	for deadline := time.Now().Add(patience / 4); err != nil && time.Now().Before(deadline); {
		err = goleak.Find(options...)
	}
	return err
}
