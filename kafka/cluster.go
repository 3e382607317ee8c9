package kafka

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Cluster is brokers that answer. Several goroutines may use it.
type Cluster struct {
	client  *kgo.Client
	conn    Connection
	greeted bool // a broker has answered: the settings are not what ends a connection
}

// startAttempts is how often brokers are tried that never have answered: an
// address that is wrong should not take a minute to be told.
const startAttempts = 4

// Connect reaches a cluster: once it returns, a broker has answered and knows who
// asks.
func Connect(ctx context.Context, conn Connection) (*Cluster, error) {
	if err := conn.Validate(); err != nil {
		return nil, fmt.Errorf("kafka: %w", err)
	}
	opts, err := conn.options()
	if err != nil {
		return nil, fmt.Errorf("kafka: %w", err)
	}
	client, err := kgo.NewClient(opts...)
	if err != nil {
		return nil, fmt.Errorf("kafka %s: %w", conn.names(), err)
	}
	c := &Cluster{client: client, conn: conn}
	if err := c.attempts(ctx, min(startAttempts, c.most()), func() error { return c.greet(ctx) }); err != nil {
		client.Close()
		return nil, fmt.Errorf("kafka %s: %w", conn.names(), c.fault(err))
	}
	c.greeted = true
	return c, nil
}

// Close lets the cluster go.
func (c *Cluster) Close() { c.client.Close() }

// names is the brokers as they were written.
func (c *Connection) names() string { return strings.Join(c.Brokers, ",") }

// most is how often what may pass is asked for.
func (c *Cluster) most() int { return max(1, cmp.Or(c.conn.Attempts, attemptsMost)) }

// greet asks for nothing but an answer.
func (c *Cluster) greet(ctx context.Context) error {
	req := kmsg.NewPtrMetadataRequest()
	req.Topics = []kmsg.MetadataRequestTopic{} // None: nil would be all of them.
	_, err := req.RequestWith(ctx, c.client)
	return err
}

// tired is an error that did not pass.
type tired struct {
	err      error
	attempts int
}

// Error says how often it was met.
func (t *tired) Error() string { return fmt.Sprintf("%v (%d attempts)", t.err, t.attempts) }

// Unwrap is the error of the last attempt.
func (t *tired) Unwrap() error { return t.err }

// attempts does what may fail until it does not, until its error is one that does
// not pass, or so often at most (K7).
func (c *Cluster) attempts(ctx context.Context, most int, do func() error) error {
	for n := 1; ; n++ {
		err := do()
		if err == nil || !c.passes(err) {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if n >= most {
			return &tired{err, n}
		}
		if err := wait(ctx, c.conn.pause(n)); err != nil {
			return err
		}
	}
}

// wait lasts so long, or until the context ends.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// topics asks for what is known of a topic, or of all where name is empty.
func (c *Cluster) topics(ctx context.Context, name string) ([]kmsg.MetadataResponseTopic, error) {
	req := kmsg.NewPtrMetadataRequest()
	if name != "" {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = kmsg.StringPtr(name)
		req.Topics = []kmsg.MetadataRequestTopic{t}
	}
	resp, err := req.RequestWith(ctx, c.client)
	if err != nil {
		return nil, err
	}
	return resp.Topics, nil
}

// metadata is what is known of one topic. A partition without a leader is
// waited for.
func (c *Cluster) metadata(ctx context.Context, name string) (*kmsg.MetadataResponseTopic, error) {
	var topic *kmsg.MetadataResponseTopic
	err := c.attempts(ctx, c.most(), func() error {
		all, err := c.topics(ctx, name)
		if err != nil {
			return err
		}
		if len(all) != 1 {
			return errGarbled
		}
		topic = &all[0]
		if err := kerr.ErrorForCode(topic.ErrorCode); err != nil {
			return err
		}
		for _, p := range topic.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil && p.Leader < 0 {
				return &ofPartition{p.Partition, err}
			}
		}
		return nil
	})
	return topic, err
}
