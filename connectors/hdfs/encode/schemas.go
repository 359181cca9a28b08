package encode

import "github.com/sluice-connect/sluice/connectors"

// Schemas follows the schema of one output. It is used by one goroutine at a time.
type Schemas struct{}

// Check looks at record i of a batch before it is appended. It says whether the record needs another schema than the
// files that are open: these are to be committed first, and the record and those behind it go to new ones. Asking again
// for the same record says no. An error is that of a record that no file can hold.
func (s *Schemas) Check(*connectors.Batch, int) (rotate bool, err error) { return false, nil }
