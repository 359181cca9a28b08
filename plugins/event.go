package plugins

import "github.com/sluice-connect/sluice/connectors"

// Description is what a plugin says of itself.
type Description struct {
	Name    string // short name
	Version string
	Summary string
	Classes []connectors.Class
	Config  []connectors.KeyDef
	Values  []connectors.Payload // accepted as values; empty: all
	Keys    []connectors.Payload
	Probes  bool // Validate can try the connection
}

// TaskSpec is what a task is started with.
type TaskSpec struct {
	Connector   string
	Task        int
	Config      map[string]string
	Records     connectors.Format
	CreditBytes int64 // most bytes of batches under way that were not taken
}

// Event is what a plugin says on the stream of a task: one of the types below.
type Event interface{ event() }

// Opened answers Open.
type Opened struct {
	ID     uint32
	Resume int64 // first offset wanted, -1 leaves it to the task
}

// Taken gives credit back.
type Taken struct {
	ID   uint32
	Size int64
}

// Durable says that every record below Next is stored for good or rejected.
type Durable struct {
	ID   uint32
	Next int64
}

// Rejected says that a record can never be stored.
type Rejected struct {
	ID     uint32
	Offset int64
	Err    *connectors.Error
}

// Trouble shows an error while the plugin retries by itself; a nil error says that it is over.
type Trouble struct {
	ID  uint32
	Err *connectors.Error
}

// Failed ends the task. ID is 0 where no opening is concerned.
type Failed struct {
	ID  uint32
	Err *connectors.Error
}

// Closed answers Close; Err is what went wrong while closing.
type Closed struct {
	ID  uint32
	Err *connectors.Error
}

// Metrics carries the present values of the task's own instruments.
type Metrics struct {
	Values []Metric
}

// Metric is the present value of one instrument.
type Metric struct {
	Name    string
	Help    string
	Counter bool
	Value   int64
}

func (Opened) event()   {}
func (Taken) event()    {}
func (Durable) event()  {}
func (Rejected) event() {}
func (Trouble) event()  {}
func (Failed) event()   {}
func (Closed) event()   {}
func (Metrics) event()  {}
