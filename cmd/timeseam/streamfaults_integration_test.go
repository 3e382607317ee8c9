//go:build integration

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/timeseam/timeseam/cutover"
	"github.com/timeseam/timeseam/store"
	"github.com/timeseam/timeseam/store/storetest"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// connectFiles writes events as Kafka Connect's sink for S3 does, below a folder: a file of
// Parquet for so many records of a partition, with its first offset in its name.
func (r *real) connectFiles(events []entry) {
	r.Helper()
	for p := range int32(splitPartitions) {
		var rows []string
		begin := int64(-1)
		flush := func() {
			path := filepath.Join(r.dir, "lake", "topics", r.topic, fmt.Sprintf("partition=%d/%s+%d+%010d.snappy.parquet", p, r.topic, p, begin))
			if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
				r.Fatal(err)
			}
			if err := writeTable(path, "id:int64|account:utf8|amount:int64|event_time:timestamp[ms,UTC]\n"+strings.Join(rows, "\n")); err != nil {
				r.Fatal(err)
			}
			rows, begin = nil, -1
		}
		for _, e := range events {
			if e.partition != p {
				continue
			}
			if begin < 0 {
				begin = e.offset
			}
			rows = append(rows, fmt.Sprintf("%d|%s|%d|%s", e.id, e.account, e.amount, time.UnixMicro(e.at).UTC().Format("2006-01-02T15:04:05.000Z")))
			if len(rows) == 100 {
				flush()
			}
		}
		if len(rows) > 0 {
			flush()
		}
	}
}

// TestIntegrationCutoverConnect cuts by the names of files that lie as Kafka Connect
// lays them, on disk and in a real S3 server: the training set is that of the unbroken log,
// and both copies agree up to the cut.
func TestIntegrationCutoverConnect(t *testing.T) {
	storetest.StartGateway(t)
	r, s := newReal(t), realLog(3)
	r.produce(s.events, padded)
	r.spine(s)
	r.folder("whole/all.jsonl", s.events)
	r.connectFiles(s.events[:1130])
	root := filepath.Join(r.dir, "lake")
	for _, name := range strings.Fields(filesIn(t, root)) {
		if _, err := lake(t).Put(t.Context(), name, read(t, filepath.Join(root, name)), store.Anything); err != nil {
			t.Fatal(err)
		}
	}
	r.definition("whole.yaml", "whole/", "event_id: id", "offset")
	want := r.run("whole.yaml", "whole.parquet", "--history-only")
	for name, place := range map[string]string{"disk": "lake/topics/" + r.topic, "s3": "s3://" + storetest.Bucket + "/topics/" + r.topic} {
		r.definition(name+".yaml", "connect/", "event_id: id", "offset")
		spec := filepath.Join(r.dir, name+".yaml")
		text := strings.Replace(string(read(t, spec)), "{json: connect/}", fmt.Sprintf("{parquet: %q}", place), 1)
		if err := os.WriteFile(spec, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		if got := r.run(name+".yaml", name+".parquet", "--audit"); !bytes.Equal(got, want) {
			t.Errorf("%s: another training set than that of the unbroken log", name)
		}
		r.certificate(name+".parquet", cutover.ByOffset)
	}
}

// amid has something happen in the midst of a backfill of both copies, once it has read
// the history and some of the stream, and returns what the run says.
func (r *real) amid(out string, history int, happen func()) error {
	r.Helper()
	return amid(r.T, backfillJob{spec: filepath.Join(r.dir, "cut.yaml"), out: filepath.Join(r.dir, out)}, int64(history+1), happen)
}

// cut writes a history of the first events of a log, and a definition cut.yaml of it. It
// returns the training set of the unbroken log.
func (r *real) cut(s *split, history int) []byte {
	r.Helper()
	r.spine(s)
	r.folder("whole/all.jsonl", s.events)
	r.folder("part/all.jsonl", s.events[:history])
	r.definition("whole.yaml", "whole/", "event_id: id", "offset")
	r.definition("cut.yaml", "part/", "event_id: id", "offset")
	spec := filepath.Join(r.dir, "cut.yaml")
	text := strings.Replace(string(read(r.T, spec)), "spool: true", "spool: false", 1)
	if err := os.WriteFile(spec, []byte(text), 0o666); err != nil {
		r.Fatal(err)
	}
	return r.run("whole.yaml", "whole.parquet", "--history-only")
}

// left holds that a run which failed has left nothing.
func (r *real) left() {
	r.Helper()
	if left, _ := filepath.Glob(filepath.Join(r.dir, "*cut.parquet*")); len(left) > 0 {
		r.Errorf("%v is left", left)
	}
}

// again holds that the next run has the right bytes.
func (r *real) again(want []byte) {
	r.Helper()
	if got := r.run("cut.yaml", "cut.parquet"); !bytes.Equal(got, want) {
		r.Error("another training set than that of the unbroken log")
	}
	r.certificate("cut.parquet", cutover.ByOffset)
}

// long is a log of which no partition is one answer of its broker, nor one batch of ours.
func long(seed uint64) *split {
	s := realLog(seed)
	for n := 0; len(s.events) < 3600; n++ {
		e := s.events[n]
		e.id, e.at, e.written = len(s.events), s.events[len(s.events)-1].at+1_000_000, s.events[len(s.events)-1].written+1000
		s.events = append(s.events, e)
	}
	return s
}

// rig has something done to a broker.
func (r *real) rig(what string, node int32) {
	r.Helper()
	out, err := exec.Command("python3", "../../fixtures/kafka/rig.py", what, os.Getenv("TIMESEAM_KAFKA_RIG"), strconv.Itoa(int(node))).CombinedOutput()
	if err != nil {
		r.Fatalf("%v: %s", err, out)
	}
}

// TestIntegrationCutoverKilled kills the broker that leads a partition in the midst of a
// backfill. Where others have copies the run goes on; where none has it ends in one
// sentence and leaves nothing, and the next run, once the broker is back, is right.
func TestIntegrationCutoverKilled(t *testing.T) {
	for _, c := range []struct {
		name   string
		copies int16
	}{{"others have copies", 3}, {"nobody has a copy", 1}} {
		t.Run(c.name, func(t *testing.T) {
			r, s := newRealOf(t, c.copies), long(4)
			r.produce(s.events, padded)
			const history = 300
			want := r.cut(s, history)
			topics, err := kadm.NewClient(r.client()).ListTopics(t.Context(), r.topic)
			if err != nil {
				t.Fatal(err)
			}
			leader, back := topics[r.topic].Partitions[0].Leader, func() {}
			began := time.Now()
			err = r.amid("cut.parquet", history, func() {
				r.rig("kill", leader)
				back = func() { back = func() {}; r.rig("node", leader) }
			})
			defer func() { back() }()
			t.Logf("after %s it says: %v", time.Since(began).Round(time.Millisecond), err)
			if c.copies > 1 {
				if got := read(t, filepath.Join(r.dir, "cut.parquet")); err != nil || !bytes.Equal(got, want) {
					t.Errorf("another training set than that of the unbroken log (%v)", err)
				}
				r.certificate("cut.parquet", cutover.ByOffset)
				return
			}
			refuses(t, err, "topic "+r.topic+", partition 0, offset ", "(16 attempts)")
			r.left()
			back()
			until(t, "the partition to be led", func() bool {
				ends, err := kadm.NewClient(r.client()).ListEndOffsets(t.Context(), r.topic)
				return err == nil && ends.Error() == nil
			})
			r.again(want)
		})
	}
}

// everywhere waits until every broker says of the topic what it should.
func (r *real) everywhere(what string, is func(*kmsg.MetadataResponseTopic) bool) {
	r.Helper()
	client := r.client()
	req := kmsg.NewPtrMetadataRequest()
	one := kmsg.NewMetadataRequestTopic()
	one.Topic = kmsg.StringPtr(r.topic)
	req.Topics = []kmsg.MetadataRequestTopic{one}
	for _, seed := range client.SeedBrokers() {
		until(r.T, what, func() bool {
			resp, err := seed.Request(context.WithoutCancel(r.Context()), req)
			return err == nil && len(resp.(*kmsg.MetadataResponse).Topics) == 1 && is(&resp.(*kmsg.MetadataResponse).Topics[0])
		})
	}
}

// TestIntegrationCutoverGrows adds a partition in the midst of a run, which ends for that;
// the next run reads it from its beginning.
func TestIntegrationCutoverGrows(t *testing.T) {
	r, s := newReal(t), realLog(5)
	r.produce(s.events, padded)
	const history = 300
	want := r.cut(s, history)
	err := r.amid("cut.parquet", history, func() {
		if _, err := kadm.NewClient(r.client()).CreatePartitions(t.Context(), 1, r.topic); err != nil {
			t.Error(err)
		}
		r.everywhere("the partition to be there", func(m *kmsg.MetadataResponseTopic) bool { return len(m.Partitions) == splitPartitions+1 })
	})
	refuses(t, err, "topic "+r.topic+": it had 3 partitions and has 4")
	r.left()
	r.again(want)

	// What is written there is of the next run too.
	more := s.events[len(s.events)-1]
	more.id, more.partition, more.account, more.at = len(s.events), splitPartitions, "a", s.events[0].at
	if err := r.client().ProduceSync(t.Context(), &kgo.Record{Topic: r.topic, Partition: more.partition, Value: padded(&more), Timestamp: time.UnixMilli(more.written)}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	s.events = append(s.events, more)
	want = r.cut(s, history)
	r.again(want)
}

// TestIntegrationCutoverAnew deletes the topic and makes it anew in the midst of a run.
func TestIntegrationCutoverAnew(t *testing.T) {
	r, s := newReal(t), long(6)
	r.produce(s.events, padded)
	const history = 300
	r.cut(s, history)
	admin := kadm.NewClient(r.client())
	was, err := admin.ListTopics(t.Context(), r.topic)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	err = r.amid("cut.parquet", history, func() {
		if _, err := admin.DeleteTopic(t.Context(), r.topic); err != nil {
			t.Error(err)
		}
		until(t, "the topic to be made anew", func() bool {
			_, err := admin.CreateTopic(t.Context(), splitPartitions, 3, nil, r.topic)
			return err == nil
		})
		r.everywhere("the topic to be another", func(m *kmsg.MetadataResponseTopic) bool {
			return m.ErrorCode == 0 && m.TopicID != [16]byte(was[r.topic].ID) && len(m.Partitions) == splitPartitions
		})
	})
	t.Logf("after %s it says: %v", time.Since(began).Round(time.Millisecond), err)
	refuses(t, err, "topic "+r.topic, "made anew")
	r.left()
	var said bytes.Buffer
	if code := run(t.Context(), []string{"timeseam", "backfill", filepath.Join(r.dir, "cut.yaml"), "-o", filepath.Join(r.dir, "cut.parquet")}, &said, &said); code != exitFailed || !strings.Contains(said.String(), "made anew") {
		t.Errorf("of the topic that was made anew: exit %d: %s", code, said.String())
	}
	r.left()
}

// TestIntegrationCutoverSecure holds what a definition says of TLS and SASL, and what is said of it where
// brokers do not agree.
func TestIntegrationCutoverSecure(t *testing.T) {
	r, s := newReal(t), realLog(7)
	r.produce(s.events, padded)
	want := r.cut(s, 300)
	t.Setenv("KAFKA_PASSWORD", os.Getenv("TIMESEAM_KAFKA_PASSWORD"))
	t.Setenv("WRONG_PASSWORD", "open-barley")
	user := os.Getenv("TIMESEAM_KAFKA_USER")
	spec := filepath.Join(r.dir, "cut.yaml")
	plain := string(read(t, spec))
	as := func(tls, password, mechanism string) (said string, code int) {
		text := strings.Replace(plain, strings.Join(r.brokers, ","), os.Getenv("TIMESEAM_KAFKA_SECURE"), 1)
		text = strings.Replace(text, "format: json", fmt.Sprintf(`format: json, tls: {ca: %q%s}, sasl: {mechanism: %s, user: %q, password: "${%s}"}`, os.Getenv("TIMESEAM_KAFKA_CA"), tls, mechanism, user, password), 1)
		if err := os.WriteFile(spec, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		code = run(t.Context(), []string{"timeseam", "backfill", spec, "-o", filepath.Join(r.dir, "cut.parquet"), "--progress", "none"}, &out, &out)
		return out.String(), code
	}
	for _, c := range []struct{ name, tls, password, mechanism, words string }{
		{"no permission", "", "KAFKA_PASSWORD", "plain", "topic " + r.topic + ": user " + user + " may not do this with the topic"},
		{"another host", ", server_name: kafka.example", "KAFKA_PASSWORD", "plain", "is not for kafka.example but for 127.0.0.1"},
		{"wrong password", "", "WRONG_PASSWORD", "plain", "the brokers refuse user " + user + " by PLAIN"},
		{"wrong password of SCRAM", "", "WRONG_PASSWORD", "scram-sha-512", "the brokers refuse user " + user + " by SCRAM-SHA-512"},
	} {
		said, code := as(c.tls, c.password, c.mechanism)
		if code != exitFailed || !strings.Contains(said, c.words) || strings.Count(said, "\n") != 1 || strings.Contains(said, "barley") {
			t.Errorf("%s: exit %d: %s", c.name, code, said)
		}
		r.left()
	}
	allow := kadm.NewACLs().Allow("User:" + user).AllowHosts("*").Topics(r.topic).ResourcePatternType(kmsg.ACLResourcePatternTypeLiteral)
	if _, err := kadm.NewClient(r.client()).CreateACLs(t.Context(), allow.Operations(kadm.OpDescribe, kadm.OpRead)); err != nil {
		t.Fatal(err)
	}
	until(t, "the topic to be readable", func() bool {
		_, code := as("", "KAFKA_PASSWORD", "scram-sha-256")
		return code == 0
	})
	if got := read(t, filepath.Join(r.dir, "cut.parquet")); !bytes.Equal(got, want) {
		t.Error("another training set than that of the unbroken log")
	}
}
