package herder_test

import (
	"context"
	"strings"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// lastRecords gives the last value of each key in topics, "" for a tombstone.
func (s *site) lastRecords(topics ...string) map[string]string {
	s.t.Helper()
	last := map[string]string{}
	for _, r := range s.records(topics...) {
		last[string(r.Key)] = string(r.Value)
	}
	return last
}

// history gives all values that a key of the status topic ever had.
func (s *site) history(key string) (values []string) {
	s.t.Helper()
	for _, r := range s.records("statuses") {
		if string(r.Key) == key {
			values = append(values, string(r.Value))
		}
	}
	return values
}

// records reads topics to their ends with a client of another make.
func (s *site) records(topics ...string) (all []*kgo.Record) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cl, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(s.broker.Bootstrap(), ",")...), kgo.ConsumeTopics(topics...),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		s.t.Fatal(err)
	}
	defer cl.Close()
	ends, err := kadm.NewClient(cl).ListEndOffsets(ctx, topics...)
	if err != nil {
		s.t.Fatal(err)
	}
	left := map[string]map[int32]int64{}
	ends.Each(func(o kadm.ListedOffset) {
		if o.Offset > 0 {
			if left[o.Topic] == nil {
				left[o.Topic] = map[int32]int64{}
			}
			left[o.Topic][o.Partition] = o.Offset
		}
	})
	for len(left) > 0 {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			s.t.Fatal(err)
		}
		for r := range fetches.RecordsAll() {
			all = append(all, r)
			if r.Offset+1 >= left[r.Topic][r.Partition] {
				delete(left[r.Topic], r.Partition)
				if len(left[r.Topic]) == 0 {
					delete(left, r.Topic)
				}
			}
		}
	}
	return all
}

// countRequests counts the questions for groups and for ends of topics that come from now on; it gives how many there were.
func (s *site) countRequests() func() int64 {
	var n atomic.Int64
	for _, key := range []kmsg.Key{kmsg.DescribeGroups, kmsg.ListOffsets} {
		s.broker.Cluster().ControlKey(int16(key), func(kmsg.Request) (kmsg.Response, error, bool) {
			s.broker.Cluster().KeepControl()
			n.Add(1)
			return nil, nil, false
		})
	}
	return n.Load
}
