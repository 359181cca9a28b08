package herder

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/sluice-connect/sluice/api"
	"github.com/sluice-connect/sluice/worker/store"
)

// groupEmptyWithin is how long a change of offsets waits for the consumer group to be empty: the members of a stopped
// connector are static, and the group forgets them when their session ends.
const groupEmptyWithin = 20 * time.Second

// Offsets reads and changes what consumer groups have committed.
type Offsets interface {
	Committed(ctx context.Context, group string) ([]store.GroupOffset, error)
	Alter(ctx context.Context, group string, offsets []store.GroupOffset) error
	Remove(ctx context.Context, group string, partitions []store.GroupOffset) error
	Delete(ctx context.Context, group string) error
	Empty(ctx context.Context, group string) (bool, error)
}

func (h *Herder) group(cfg map[string]string) string {
	return cmp.Or(cfg["consumer.override.group.id"], "connect-"+cfg["name"])
}

// Offsets lists what a connector has committed.
func (h *Herder) Offsets(ctx context.Context, name string) ([]api.PartitionOffset, error) {
	c, ok := h.configs.Snapshot().Connectors[name]
	if !ok {
		return nil, notFound("Connector " + name + " not found")
	}
	committed, err := h.offsets.Committed(ctx, h.group(c.Config))
	if err != nil {
		return nil, err
	}
	out := make([]api.PartitionOffset, len(committed))
	for i, o := range committed {
		out[i] = api.PartitionOffset{Topic: o.Topic, Partition: o.Partition, Offset: &o.Offset}
	}
	slices.SortFunc(out, func(a, b api.PartitionOffset) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	return out, nil
}

// AlterOffsets changes committed offsets of a stopped connector; an offset of nil removes one.
func (h *Herder) AlterOffsets(ctx context.Context, name string, offsets []api.PartitionOffset) (string, error) {
	group, err := h.stoppedGroup(ctx, name)
	if err != nil {
		return "", err
	}
	var set, remove []store.GroupOffset
	for _, o := range offsets {
		g := store.GroupOffset{Topic: o.Topic, Partition: o.Partition}
		if o.Offset == nil {
			remove = append(remove, g)
			continue
		}
		g.Offset = *o.Offset
		set = append(set, g)
	}
	if len(set) > 0 {
		err := h.offsets.Alter(ctx, group, set)
		if errors.Is(err, store.ErrNoPartition) { // Kafka Connect calls this its own fault
			return "", &api.Error{Status: http.StatusBadRequest, Message: "Failed to alter consumer group offsets for connector " + name + ": " + err.Error()}
		}
		if err != nil {
			return "", err
		}
	}
	if len(remove) > 0 {
		if err := h.offsets.Remove(ctx, group, remove); err != nil {
			return "", err
		}
	}
	return "The offsets for this connector have been altered successfully", nil
}

// ResetOffsets forgets all offsets of a stopped connector.
func (h *Herder) ResetOffsets(ctx context.Context, name string) (string, error) {
	group, err := h.stoppedGroup(ctx, name)
	if err != nil {
		return "", err
	}
	if err := h.offsets.Delete(ctx, group); err != nil {
		return "", err
	}
	return "The offsets for this connector have been reset successfully", nil
}

// stoppedGroup waits until nobody can commit to the connector's group any more.
func (h *Herder) stoppedGroup(ctx context.Context, name string) (string, error) {
	if err := h.leading(ctx); err != nil {
		return "", err
	}
	c, ok := h.configs.Snapshot().Connectors[name]
	switch {
	case !ok:
		return "", notFound("Connector " + name + " not found")
	case c.Target != stopped || len(c.Tasks) != 0:
		return "", &api.Error{
			Status:  http.StatusBadRequest,
			Message: "Connectors must be in the STOPPED state before their offsets can be modified. This can be done for the specified connector by issuing a 'PUT' request to the '/connectors/" + name + "/stop' endpoint",
		}
	}
	group := h.group(c.Config)
	deadline := time.Now().Add(groupEmptyWithin)
	for {
		empty, err := h.offsets.Empty(ctx, group)
		if err != nil {
			return "", err
		}
		if empty {
			return group, nil
		}
		if time.Now().After(deadline) {
			return "", &api.Error{
				Status:     http.StatusInternalServerError,
				Message:    "consumer group " + group + " of connector " + name + " still has members; wait until their session has ended (" + strconv.FormatInt(h.worker.SessionTimeout.Milliseconds(), 10) + " ms) and try again, or end the consumers outside of this worker that use it",
				RetryAfter: h.worker.SessionTimeout,
			}
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(250 * time.Millisecond):
		}
	}
}
