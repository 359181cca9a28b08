package hdfs

import (
	"time"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/connectors/hdfs/compact"
)

// compaction is when small files are merged.
type compaction struct {
	compact.Options               // After is not positive: never
	every           time.Duration // between two rounds
}

var (
	compactAfter = connectors.Millis("sluice.compact.after.ms", "Committed files of a folder that have not changed for this long are merged with their neighbours. -1: never.",
		connectors.Group(groupFiles), connectors.Default("-1"))
	compactTarget = connectors.Long("sluice.compact.target.bytes", "Bytes of a merged file, at most. Files that have as many stay as they are.",
		connectors.Group(groupFiles), connectors.Default("134217728"), connectors.Between(1<<20, 8<<30))
	compactLeast = connectors.Int("sluice.compact.files.min", "Neighbours that are worth a merge.",
		connectors.Group(groupFiles), connectors.Default("5"), connectors.AtLeast(2))
	compactEvery = connectors.Millis("sluice.compact.interval.ms", "Time between two looks at the folders for files to be merged.",
		connectors.Group(groupFiles), connectors.Default("600000"), connectors.AtLeast(100))
)

func compactKeys() []connectors.AnyKey {
	return []connectors.AnyKey{compactAfter, compactTarget, compactLeast, compactEvery}
}

func newCompaction(cfg connectors.Config) compaction {
	return compaction{
		Options: compact.Options{After: compactAfter.Get(cfg), Target: compactTarget.Get(cfg), Least: compactLeast.Get(cfg)},
		every:   compactEvery.Get(cfg),
	}
}
