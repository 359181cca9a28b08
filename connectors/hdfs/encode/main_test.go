package encode

import (
	"flag"
	"slices"
	"testing"

	"go.uber.org/goleak"
)

var update = flag.Bool("update", false, "write golden files again")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// joined puts the pieces of a file together.
func joined(b Bytes, err error) ([]byte, error) { return slices.Concat(b...), err }
