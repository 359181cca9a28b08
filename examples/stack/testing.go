package stack

import (
	"context"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

// SharedDir is the variable that names the folder of a stack that runs for many tests; make test sets it.
const SharedDir = "SLUICE_STACK_DIR"

const startTimeout = 6 * time.Minute // longer than the script itself has patience

// Shared returns the stack that SLUICE_STACK_DIR names, with services added to it as needed, or starts one for this test
// alone. A test that uses it names its topics, folders and indices after itself, and breaks nothing: that is for Own.
func Shared(t testing.TB, services ...Service) *Stack {
	t.Helper()
	dir := os.Getenv(SharedDir)
	if dir == "" {
		return Own(t, Options{}, services...)
	}
	s, err := Attach(dir)
	if err != nil {
		t.Fatalf("%s: %v", SharedDir, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	if err := s.Start(ctx, services...); err != nil {
		t.Fatalf("%s: %v", SharedDir, err)
	}
	return s
}

// Own starts a stack for this test alone, which may break it, and removes it when the test ends.
func Own(t testing.TB, opts Options, services ...Service) *Stack {
	t.Helper()
	if opts.Log == nil {
		opts.Log = t.Output()
	}
	opts.Wipe = true
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	s, err := Start(ctx, t.TempDir(), opts, services...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), downTimeout)
		defer cancel()
		if err := s.Down(ctx, true); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Seed gives chance to a test of faults. It is printed, and SLUICE_SEED repeats it.
func Seed(t testing.TB) *rand.Rand {
	t.Helper()
	n := uint64(time.Now().UnixNano())
	if s := os.Getenv("SLUICE_SEED"); s != "" {
		var err error
		if n, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatalf("SLUICE_SEED: %v", err)
		}
	}
	t.Logf("seed: SLUICE_SEED=%d", n)
	return rand.New(rand.NewPCG(n, n))
}
