package deadletter

import (
	"testing"

	"github.com/sluice-connect/sluice/worker/embedded/embeddedtest"
)

func TestMain(m *testing.M) { embeddedtest.Main(m) }
