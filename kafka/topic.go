package kafka

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/timeseam/timeseam/features/event"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// ID is what a topic is, whatever it is called: one that is made anew under the same
// name has another. Brokers before Kafka 2.8 give none, which is the zero ID.
type ID [16]byte

// String is the id as Kafka's own tools print it.
func (id ID) String() string { return base64.RawURLEncoding.EncodeToString(id[:]) }

// Topic is what a name meant when it was asked for. Several goroutines may use it;
// its fields do not change.
type Topic struct {
	Name       string
	ID         ID
	Partitions []Bounds // by their number
	Settings   Settings

	cluster *Cluster
	count   int // of partitions
	mu      sync.Mutex
	leaders []leader // by partition; who leads changes, and what a topic is does not
}

// Bounds are where a partition began and ended: Start <= o < End. The end is that of
// what was committed (the last stable offset), so that a transaction that is still
// open, and all behind it, is beyond it.
type Bounds struct{ Start, End int64 }

// Settings are what brokers keep of a topic, and for how long.
type Settings struct {
	Known          bool          // false: who asks may not see them
	Cleanup        string        // delete, compact, or both
	Retention      time.Duration // by time; negative: for ever
	RetentionBytes int64         // by size of a partition; negative: any
	Timestamps     string        // CreateTime, or LogAppendTime
}

// Compacted reports whether brokers take away records that have been overtaken by
// others of their key: such a topic holds the latest, and not all that happened.
func (s *Settings) Compacted() bool { return strings.Contains(s.Cleanup, "compact") }

// leader is who answers for a partition.
type leader struct{ broker, epoch int32 }

// Topic asks what a name means. Ends are asked for once, and first: what is written
// after that is not of the topic as it was.
func (c *Cluster) Topic(ctx context.Context, name string) (*Topic, error) {
	t, err := c.topic(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("topic %s: %w", name, c.fault(err))
	}
	return t, nil
}

func (c *Cluster) topic(ctx context.Context, name string) (*Topic, error) {
	meta, err := c.metadata(ctx, name)
	if err != nil {
		return nil, c.unknownOr(ctx, name, err)
	}
	t := &Topic{Name: name, ID: meta.TopicID, cluster: c, count: len(meta.Partitions)}
	if t.leaders, err = leadersOf(meta); err != nil {
		return nil, err
	}
	if t.Partitions, err = t.bounds(ctx); err != nil {
		return nil, err
	}
	t.Settings, err = c.settings(ctx, name)
	return t, err
}

// leadersOf lists who leads each partition. Partitions are numbered without holes.
func leadersOf(meta *kmsg.MetadataResponseTopic) ([]leader, error) {
	leaders := make([]leader, len(meta.Partitions))
	seen := make([]bool, len(leaders))
	for _, p := range meta.Partitions {
		if p.Partition < 0 || int(p.Partition) >= len(leaders) || seen[p.Partition] {
			return nil, errGarbled
		}
		leaders[p.Partition], seen[p.Partition] = leader{p.Leader, p.LeaderEpoch}, true
	}
	return leaders, nil
}

// unknownOr makes of an error that there is no topic of that name, if it is that, and says which one may
// have been meant. Clusters tell only of topics that who asks may see.
func (c *Cluster) unknownOr(ctx context.Context, name string, err error) error {
	if !errors.Is(err, kerr.UnknownTopicOrPartition) && !errors.Is(err, kerr.InvalidTopicException) {
		return err
	}
	words := "the cluster has no topic of that name, or does not show it"
	all, err := c.topics(ctx, "")
	if err != nil {
		return &Fault{words, ErrUnknownTopic}
	}
	var names []string
	for _, t := range all {
		if t.Topic != nil && !t.IsInternal {
			names = append(names, *t.Topic)
		}
	}
	slices.Sort(names)
	if near := event.Nearest(name, names); near != "" {
		words += fmt.Sprintf("; did you mean %s?", near)
	}
	return &Fault{words, ErrUnknownTopic}
}

// settings asks what brokers keep of a topic. Who may read a topic may not always
// see that, and then it is not known.
func (c *Cluster) settings(ctx context.Context, name string) (Settings, error) {
	var s Settings
	req := kmsg.NewPtrDescribeConfigsRequest()
	of := kmsg.NewDescribeConfigsRequestResource()
	of.ResourceType, of.ResourceName = kmsg.ConfigResourceTypeTopic, name
	of.ConfigNames = []string{"cleanup.policy", "retention.ms", "retention.bytes", "message.timestamp.type"}
	req.Resources = append(req.Resources, of)
	err := c.attempts(ctx, c.most(), func() error {
		resp, err := req.RequestWith(ctx, c.client)
		if err != nil {
			return err
		}
		if len(resp.Resources) != 1 {
			return errGarbled
		}
		s, err = settingsOf(&resp.Resources[0])
		return err
	})
	if errors.Is(err, kerr.TopicAuthorizationFailed) || errors.Is(err, kerr.ClusterAuthorizationFailed) {
		return Settings{}, nil
	}
	return s, err
}

func settingsOf(of *kmsg.DescribeConfigsResponseResource) (Settings, error) {
	if err := kerr.ErrorForCode(of.ErrorCode); err != nil {
		return Settings{}, err
	}
	s := Settings{Known: true, Retention: -1, RetentionBytes: -1}
	for _, one := range of.Configs {
		if one.Value == nil {
			continue
		}
		n, err := strconv.ParseInt(*one.Value, 10, 64)
		switch one.Name {
		case "cleanup.policy":
			s.Cleanup = *one.Value
		case "message.timestamp.type":
			s.Timestamps = *one.Value
		case "retention.bytes":
			if err == nil {
				s.RetentionBytes = n
			}
		case "retention.ms":
			if most := int64(1<<63-1) / int64(time.Millisecond); err == nil && n >= 0 && n < most {
				s.Retention = time.Duration(n) * time.Millisecond
			}
		}
	}
	return s, nil
}

// Check asks again whether the name still means the topic of that id, with so many
// partitions; ErrChanged is that it does not. A zero id is that of any. Whoever recorded
// positions checks before a read; and after it, too: brokers before Kafka 3.1 answer for a name, and
// a topic that was made anew under it could be told from its own by nothing else.
func (c *Cluster) Check(ctx context.Context, name string, id ID, partitions int) error {
	meta, err := c.metadata(ctx, name)
	if err == nil {
		err = sameTopic(meta, id, partitions)
	}
	if err != nil {
		err = c.unknownOr(ctx, name, err)
		return fmt.Errorf("topic %s: %w", name, c.fault(err))
	}
	return nil
}

func sameTopic(meta *kmsg.MetadataResponseTopic, id ID, partitions int) error {
	now := ID(meta.TopicID)
	if now != id && now != (ID{}) && id != (ID{}) {
		return &Fault{fmt.Sprintf("it was made anew: its id was %s and is %s, so its offsets are those of other records", id, now), ErrChanged}
	}
	if n := len(meta.Partitions); n != partitions {
		return &Fault{fmt.Sprintf("it had %d partitions and has %d, so a key's records may lie in two of them; begin anew with all of them", partitions, n), ErrChanged}
	}
	return nil
}

// leads is who answers for a partition, as far as is known.
func (t *Topic) leads(partition int32) leader {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.leaders[partition]
}

// elect asks who leads each partition now. That the topic is still the same is seen
// with it.
func (t *Topic) elect(ctx context.Context) error {
	all, err := t.cluster.topics(ctx, t.Name)
	if err != nil {
		return err
	}
	if len(all) != 1 {
		return errGarbled
	}
	meta := &all[0]
	if err := kerr.ErrorForCode(meta.ErrorCode); err != nil {
		return t.vanished(err)
	}
	// Partitions that were added are none that is read here.
	if err := sameTopic(meta, t.ID, max(t.count, len(meta.Partitions))); err != nil {
		return err
	}
	leaders, err := leadersOf(meta)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.leaders = leaders
	return nil
}

// vanished is what an error means of a topic that was there.
func (t *Topic) vanished(err error) error {
	if errors.Is(err, kerr.UnknownTopicOrPartition) || errors.Is(err, kerr.UnknownTopicID) || errors.Is(err, kerr.InconsistentTopicID) {
		return &Fault{fmt.Sprintf("the topic that was there, of id %s, is there no more: it was deleted, or made anew", t.ID), ErrChanged}
	}
	return err
}
