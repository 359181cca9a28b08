package client

import (
	"context"
	"net/http"

	"github.com/sluice-connect/sluice/api"
)

// Topics lists the topics that a connector has used. As in Kafka Connect it is empty for a connector that does not exist.
func (c *Client) Topics(ctx context.Context, name string) ([]string, error) {
	all, err := call[map[string]struct {
		Topics []string `json:"topics"`
	}](ctx, c, of(http.MethodGet, name, "topics"))
	return all[name].Topics, err
}

// ResetTopics forgets them.
func (c *Client) ResetTopics(ctx context.Context, name string) error {
	return c.send(ctx, of(http.MethodPut, name, "topics", "reset"))
}

// offsets is the form of offsets in JSON.
type offsets struct {
	Offsets []offset `json:"offsets"`
}

type offset struct {
	Partition struct {
		Topic     string `json:"kafka_topic"`
		Partition int32  `json:"kafka_partition"`
	} `json:"partition"`
	Offset *committed `json:"offset"`
}

type committed struct {
	Offset int64 `json:"kafka_offset"`
}

// message is an answer in words.
type message struct {
	Message string `json:"message"`
}

// Offsets gives what a sink connector has committed.
func (c *Client) Offsets(ctx context.Context, name string) ([]api.PartitionOffset, error) {
	body, err := call[offsets](ctx, c, of(http.MethodGet, name, "offsets"))
	out := make([]api.PartitionOffset, len(body.Offsets))
	for i, o := range body.Offsets {
		out[i] = api.PartitionOffset{Topic: o.Partition.Topic, Partition: o.Partition.Partition}
		if o.Offset != nil {
			out[i].Offset = &o.Offset.Offset
		}
	}
	return out, err
}

// AlterOffsets changes some offsets of a stopped sink connector; a nil Offset removes one. It gives the worker's words.
func (c *Client) AlterOffsets(ctx context.Context, name string, changes []api.PartitionOffset) (string, error) {
	body := offsets{Offsets: make([]offset, len(changes))}
	for i, o := range changes {
		body.Offsets[i].Partition.Topic, body.Offsets[i].Partition.Partition = o.Topic, o.Partition
		if o.Offset != nil {
			body.Offsets[i].Offset = &committed{*o.Offset}
		}
	}
	r := of(http.MethodPatch, name, "offsets")
	r.body = body
	said, err := call[message](ctx, c, r)
	return said.Message, err
}

// ResetOffsets removes all offsets of a stopped connector. It gives the worker's words.
func (c *Client) ResetOffsets(ctx context.Context, name string) (string, error) {
	said, err := call[message](ctx, c, of(http.MethodDelete, name, "offsets"))
	return said.Message, err
}
