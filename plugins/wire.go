package plugins

import (
	"errors"

	"github.com/sluice-connect/sluice/connectors"
	"github.com/sluice-connect/sluice/plugins/protocol"
)

// toError puts an error into wire form. The operation and the rest stay apart, so that the worker can show them its way.
func toError(err error) *protocol.Error {
	if err == nil {
		return nil
	}
	e := connectors.AsError("", err)
	w := &protocol.Error{
		Code: protocol.Code(e.Code), Operation: e.Op, Hint: e.Hint,
		Topic: e.Partition.Topic, Partition: e.Partition.ID, Offset: e.Offset,
	}
	if e.Err != nil {
		w.Message = e.Err.Error()
	}
	return w
}

// fromError is the other way. A code that this side does not know counts as fatal.
func fromError(w *protocol.Error) *connectors.Error {
	if w == nil {
		return nil
	}
	e := &connectors.Error{
		Code: connectors.Code(w.Code), Op: w.Operation, Hint: w.Hint,
		Partition: connectors.Partition{Topic: w.Topic, ID: w.Partition}, Offset: w.Offset,
	}
	if w.Code < protocol.Code_CODE_FATAL || w.Code > protocol.Code_CODE_UNAUTHORIZED {
		e.Code = connectors.CodeFatal
	}
	if w.Message != "" {
		e.Err = errors.New(w.Message)
	}
	return e
}

// errOf is fromError for results, where a nil *connectors.Error must become a nil error.
func errOf(w *protocol.Error) error {
	if w == nil {
		return nil
	}
	return fromError(w)
}

func toDescription(s connectors.Spec, probes bool) *protocol.DescribeResponse {
	d := &protocol.DescribeResponse{Name: s.Name, Version: s.Version, Summary: s.Summary, Probes: probes}
	for _, c := range s.Classes {
		d.Classes = append(d.Classes, &protocol.Class{Name: c.Name, Task: c.Task})
	}
	for _, k := range s.Config.Keys() {
		d.Config = append(d.Config, &protocol.ConfigKey{
			Name: k.Name, Type: string(k.Type), Required: k.Required, Default: k.Default, Importance: string(k.Importance),
			Doc: k.Doc, Group: k.Group, OrderInGroup: int32(k.OrderInGroup), Width: string(k.Width), DisplayName: k.DisplayName,
			Dependents: k.Dependents, Recommended: k.Recommended, Valid: k.Valid, Ignored: k.Ignored,
		})
	}
	d.Values, d.Keys = toPayloads(s.Values), toPayloads(s.Keys)
	return d
}

func fromDescription(d *protocol.DescribeResponse) Description {
	out := Description{Name: d.GetName(), Version: d.GetVersion(), Summary: d.GetSummary(), Probes: d.GetProbes()}
	for _, c := range d.GetClasses() {
		out.Classes = append(out.Classes, connectors.Class{Name: c.GetName(), Task: c.GetTask()})
	}
	for _, k := range d.GetConfig() {
		out.Config = append(out.Config, connectors.KeyDef{
			Name: k.GetName(), Type: connectors.Type(k.GetType()), Required: k.GetRequired(), Default: k.Default,
			Importance: connectors.Importance(k.GetImportance()), Doc: k.GetDoc(), Group: k.GetGroup(),
			OrderInGroup: int(k.GetOrderInGroup()), Width: connectors.Width(k.GetWidth()), DisplayName: k.GetDisplayName(),
			Dependents: k.GetDependents(), Recommended: k.GetRecommended(), Valid: k.GetValid(), Ignored: k.GetIgnored(),
		})
	}
	out.Values, out.Keys = fromPayloads(d.GetValues()), fromPayloads(d.GetKeys())
	return out
}

func toPayloads(ps []connectors.Payload) []protocol.Payload {
	out := make([]protocol.Payload, 0, len(ps))
	for _, p := range ps {
		out = append(out, protocol.Payload(p))
	}
	return out
}

func fromPayloads(ps []protocol.Payload) []connectors.Payload {
	out := make([]connectors.Payload, 0, len(ps))
	for _, p := range ps {
		out = append(out, connectors.Payload(p))
	}
	return out
}

func toValues(values []connectors.ConfigValue) []*protocol.ConfigValue {
	out := make([]*protocol.ConfigValue, 0, len(values))
	for _, v := range values {
		out = append(out, &protocol.ConfigValue{
			Name: v.Name, Value: v.Value, Recommended: v.Recommended, Errors: v.Errors, Visible: v.Visible,
		})
	}
	return out
}

func fromValues(values []*protocol.ConfigValue) []connectors.ConfigValue {
	out := make([]connectors.ConfigValue, 0, len(values))
	for _, v := range values {
		out = append(out, connectors.ConfigValue{
			Name: v.GetName(), Value: v.Value, Recommended: v.GetRecommended(), Errors: v.GetErrors(), Visible: v.GetVisible(),
		})
	}
	return out
}

// setBatch fills a message for sending. It shares the memory of c.
func setBatch(b *protocol.Batch, id uint32, c *connectors.Columns, size int64) {
	b.Id, b.Size, b.Records = id, size, uint32(c.Records)
	b.BaseOffset, b.BaseTimestamp = c.BaseOffset, c.BaseTimestamp
	b.OffsetDeltas, b.TimestampDeltas = c.OffsetDeltas, c.TimestampDeltas
	b.KeyLengths, b.ValueLengths = c.KeyLengths, c.ValueLengths
	b.HeaderCounts, b.HeaderLengths = c.HeaderCounts, c.HeaderLengths
	b.HeaderArena, b.Arena = c.HeaderArena, c.Arena
	b.Topic, b.KeySchema, b.ValueSchema = c.Topic, c.KeySchema, c.ValueSchema
}

// maxRecords bounds what a message may claim before its columns are looked at.
const maxRecords = MaxMessage

// fromEvent gives nil for messages of a later protocol, which are to be ignored.
func fromEvent(m *protocol.FromPlugin) Event {
	switch e := m.GetMessage().(type) {
	case *protocol.FromPlugin_Opened:
		return Opened{ID: e.Opened.GetId(), Resume: e.Opened.GetResume()}
	case *protocol.FromPlugin_Taken:
		return Taken{ID: e.Taken.GetId(), Size: e.Taken.GetSize()}
	case *protocol.FromPlugin_Durable:
		return Durable{ID: e.Durable.GetId(), Next: e.Durable.GetNext()}
	case *protocol.FromPlugin_Rejected:
		return Rejected{ID: e.Rejected.GetId(), Offset: e.Rejected.GetOffset(), Err: fromError(e.Rejected.GetError())}
	case *protocol.FromPlugin_Trouble:
		return Trouble{ID: e.Trouble.GetId(), Err: fromError(e.Trouble.GetError())}
	case *protocol.FromPlugin_Failed:
		return Failed{ID: e.Failed.GetId(), Err: fromError(e.Failed.GetError())}
	case *protocol.FromPlugin_Closed:
		return Closed{ID: e.Closed.GetId(), Err: fromError(e.Closed.GetError())}
	case *protocol.FromPlugin_Metrics:
		values := make([]Metric, 0, len(e.Metrics.GetMetrics()))
		for _, v := range e.Metrics.GetMetrics() {
			values = append(values, Metric{Name: v.GetName(), Help: v.GetHelp(), Counter: v.GetCounter(), Value: v.GetValue()})
		}
		return Metrics{Values: values}
	default:
		return nil
	}
}
