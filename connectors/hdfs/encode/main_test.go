package encode

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

var update = flag.Bool("update", false, "write golden files again")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
