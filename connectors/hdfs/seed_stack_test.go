//go:build stack

package hdfs

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

// seed gives chance to a test of faults. It is printed; SLUICE_SEED repeats it.
func seed(t testing.TB) *rand.Rand {
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
