package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/timeseam/timeseam/cutover"
	"github.com/timeseam/timeseam/features/event"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

var (
	cuts    = flag.Int("cuts", 200, "how many random logs TestCutInvariance cuts")
	cutSeed = flag.Uint64("cut-seed", 1, "the first of their seeds")
)

// entry is an event of a log: one record, or several where it was sent again.
type entry struct {
	id        int
	account   string
	amount    int64
	at        int64 // when it happened, in microseconds
	written   int64 // when the record was stamped, in milliseconds
	partition int32
	offset    int64
}

// json is the event as records hold it, and history but for where it stood.
func (e *entry) json(more string) string {
	return fmt.Sprintf(`{"id": %d, "account": %q, "amount": %d, "event_time": %q%s}`, e.id, e.account, e.amount, time.UnixMicro(e.at).UTC().Format(time.RFC3339Nano), more)
}

// split is a random log and a place in it: what of it is the history, and what of it
// the topic still holds.
type split struct {
	random *rand.Rand
	kind   cutover.Kind
	named  bool // files tell offsets by their names
	events []entry
	begin  time.Time
}

const (
	splitPartitions = 3
	splitLateness   = 40 // seconds, at most
)

// newSplit makes a log whose events come late, tied, again, and by several partitions.
func newSplit(seed uint64) *split {
	s := &split{random: rand.New(rand.NewPCG(seed, seed)), begin: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	s.kind = []cutover.Kind{cutover.ByOffset, cutover.ByID, cutover.ByEventTime}[s.random.IntN(3)]
	s.named = s.kind == cutover.ByOffset && s.random.IntN(2) == 0
	wall := s.begin.UnixMilli()
	for id := range 40 + s.random.IntN(120) {
		wall += s.random.Int64N(4000)
		at := wall - wall%1000 // many are tied
		if s.random.IntN(4) == 0 {
			at -= s.random.Int64N(splitLateness * 1000)
		}
		e := entry{id: id, account: string(rune('a' + s.random.IntN(4))), amount: s.random.Int64N(1000), at: at * 1000, written: wall, partition: s.random.Int32N(splitPartitions)}
		s.events = append(s.events, e)
		if s.kind != cutover.ByEventTime && s.random.IntN(6) == 0 {
			e.partition, e.written = s.random.Int32N(splitPartitions), wall+s.random.Int64N(2000)
			s.events = append(s.events, e)
		}
	}
	slices.SortStableFunc(s.events, func(a, b entry) int { return cmp.Compare(a.written, b.written) })
	return s
}

// produce writes the log to a topic, in the order in which it was written: half of the
// logs in transactions, some of which are aborted and so no part of it. Behind the last
// record of the others nothing comes, so that a range which ends too early loses it.
func (s *split) produce(t *testing.T, brokers []string, topic string) {
	plain := s.random.IntN(2) == 0
	opts := []kgo.Opt{kgo.SeedBrokers(brokers...), kgo.DefaultProduceTopic(topic), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0), kgo.DisableClientMetrics()}
	if !plain {
		opts = append(opts, kgo.TransactionalID(topic))
	}
	client, err := kgo.NewClient(opts...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for at := 0; at < len(s.events); {
		n, aborted := min(len(s.events)-at, 1+s.random.IntN(60)), !plain && s.random.IntN(5) == 0
		if !plain {
			if err := client.BeginTransaction(); err != nil {
				t.Fatal(err)
			}
		}
		for k := at; k < at+n; k++ {
			e := &s.events[k]
			r, err := client.ProduceSync(t.Context(), &kgo.Record{Partition: e.partition, Value: []byte(e.json("")), Timestamp: time.UnixMilli(e.written)}).First()
			if err != nil {
				t.Fatal(err)
			}
			e.offset = r.Offset
		}
		if !plain {
			if err := client.EndTransaction(t.Context(), kgo.TransactionEndTry(!aborted)); err != nil {
				t.Fatal(err)
			}
		}
		if !aborted {
			at += n
		}
	}
}

// write writes events as a history of JSON lines.
func write(t *testing.T, path string, events []entry) {
	var b bytes.Buffer
	for i := range events {
		e := &events[i]
		fmt.Fprintln(&b, e.json(fmt.Sprintf(`, "_partition": %d, "_offset": %d`, e.partition, e.offset)))
	}
	if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
}

// cut writes a part of the log as the history, and returns the flags of the run and the
// first offset of each partition that the topic may be left with.
func (s *split) cut(t *testing.T, dir string) (flags []string, keep map[int32]int64) {
	keep = map[int32]int64{}
	var history []entry
	if s.kind == cutover.ByOffset {
		next := map[int32]int64{}
		for p := range int32(splitPartitions) {
			of := slices.DeleteFunc(slices.Clone(s.events), func(e entry) bool { return e.partition != p })
			n := s.random.IntN(len(of) + 1)
			if n > 0 {
				next[p] = of[n-1].offset + 1
			}
			if s.named && n > 0 {
				first, last := of[:n/2], of[n/2:n]
				for _, file := range [][]entry{first, last} {
					if len(file) > 0 {
						write(t, filepath.Join(dir, fmt.Sprintf("tx+%d+%010d.jsonl", p, file[0].offset)), file)
					}
				}
				next[p] = last[0].offset
			}
			keep[p] = next[p]
			history = append(history, of[:n]...)
		}
		s.random.Shuffle(len(history), func(i, j int) { history[i], history[j] = history[j], history[i] })
		if !s.named {
			write(t, filepath.Join(dir, "all.jsonl"), history)
		} else if len(history) == 0 {
			write(t, filepath.Join(dir, "tx+0+0.jsonl"), nil)
		}
		if s.random.IntN(2) == 0 {
			keep = nil // what begins too early finds a record there, and counts it twice
		}
		return nil, keep
	}
	// The history was copied at some instant, and is complete until so much earlier as
	// events come late.
	first, last := s.events[0].written, s.events[len(s.events)-1].written
	landed := first + s.random.Int64N(last-first+2000)
	complete := landed - splitLateness*1000 - 2000
	if s.kind == cutover.ByEventTime {
		complete -= complete % 1000
	}
	for _, e := range s.events {
		if e.written < landed {
			history = append(history, e)
		}
	}
	write(t, filepath.Join(dir, "all.jsonl"), history)
	for p := range int32(splitPartitions) {
		// Retention must leave a record of before: where the first that is there came
		// later, nobody knows what was there.
		for _, e := range s.events {
			if e.partition == p && e.written <= complete-splitLateness*1000 {
				keep[p] = e.offset
			}
		}
	}
	return []string{"--complete-until", time.UnixMilli(complete).UTC().Format(time.RFC3339Nano)}, keep
}

// ownFields are those of splitDefinition that tell offsets.
const ownFields = ", _partition: bigint, _offset: bigint"

const splitDefinition = `version: 1
name: cut
sources:
  tx:
    history: {json: %s}
    stream: {kafka: tx, brokers: %q, format: json}
    fields: {id: bigint, account: string, amount: bigint, event_time: timestamp, _partition: bigint, _offset: bigint}
    event_timestamp: event_time
    lateness: 40s
    %s
    cutover: {by: %s, spool: %t%s}
entities: {account: account}
feature_views:
  spend:
    entity: account
    source: tx
    windows: [10s, 5m, lifetime]
    features: {n: count(*), s: sum(amount), last: "last(amount, 5)", ids: "histogram(amount)"}
feature_services: {all: {features: [spend]}}
training_sets:
  train: {service: all, spine: {csv: spine.csv, event_timestamp: t, fields: {account: string, t: timestamp}}, visibility: {known: event_time}}
`

// TestCutInvariance holds C1: a training set of a history and the stream that goes on
// from it, and the canonical snapshot of the state after all of both, are byte for byte
// those of the unbroken log, wherever it is cut, or the run refuses and says why.
//
// Boundaries are half-open, and it fails where one of them is moved by a record: the
// first offset behind those of the history (nextByColumn: +1 as +0 counts a record twice,
// as +2 loses one), the last file that a cut by names leaves out (cutover.NextByName),
// the instant of a cut by event time on either side (joined.parts: below to At+1, above
// from At+1), and the end of the range of a topic (kafka, part.within: To as To-1). A cut by
// id has no such boundary: what lies in its margin is read twice on purpose.
func TestCutInvariance(t *testing.T) {
	t.Parallel()
	n := *cuts
	if testing.Short() {
		n /= 10
	}
	var refused atomic.Int64
	t.Run("cuts", func(t *testing.T) {
		const beside = 4 // a cut waits for its disk and its brokers
		for first := range beside {
			t.Run(fmt.Sprint(first), func(t *testing.T) {
				t.Parallel()
				for k := first; k < n; k += beside {
					seed := *cutSeed + uint64(k)
					if why := cutOnce(t, seed); why != "" {
						refused.Add(1)
						t.Logf("seed %d: %s", seed, why)
					}
					if t.Failed() {
						t.Fatalf("seed %d", seed)
					}
				}
			})
		}
	})
	if refused := refused.Load(); refused > int64(n/3) {
		t.Errorf("%d of %d cuts were refused", refused, n)
	}
}

// cutOnce cuts the log of one seed. It returns why the run refused.
func cutOnce(t *testing.T, seed uint64) string {
	s := newSplit(seed)
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	if err := cluster.CreateTopic("tx", splitPartitions, map[string]string{"retention.ms": "-1"}); err != nil {
		t.Fatal(err)
	}
	s.produce(t, cluster.ListenAddrs(), "tx")
	dir := t.TempDir()
	for _, name := range []string{"whole", "part"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(dir, "whole", "all.jsonl"), s.events)
	flags, keep := s.cut(t, filepath.Join(dir, "part"))
	forget(t, cluster.ListenAddrs(), keep)
	var spine strings.Builder
	fmt.Fprintln(&spine, "account,t")
	for range 60 {
		e := s.events[s.random.IntN(len(s.events))]
		fmt.Fprintf(&spine, "%s,%s\n", string(rune('a'+s.random.IntN(5))), time.UnixMicro(e.at+s.random.Int64N(3)-1).UTC().Format(time.RFC3339Nano))
	}
	if err := os.WriteFile(filepath.Join(dir, "spine.csv"), []byte(spine.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	id, margin := "event_id: id", ""
	if s.kind == cutover.ByEventTime {
		// The history was copied so long after the cut that it has all that came late.
		if id = ""; s.random.IntN(3) > 0 {
			margin = ", accept_late: true"
		}
	} else if s.kind == cutover.ByOffset && s.random.IntN(2) == 0 {
		id = "order_by: [id, amount]"
	}
	spec := func(history string) string { return filepath.Join(dir, history+".yaml") }
	train := func(history, out string, more ...string) (string, int) {
		definition := splitDefinition
		if s.named {
			definition = strings.Replace(definition, ownFields, "", 1) // files tell by their names alone
		}
		if err := os.WriteFile(spec(history), fmt.Appendf(nil, definition, history+"/", strings.Join(cluster.ListenAddrs(), ","), id, s.kind, seed%2 == 0, margin), 0o666); err != nil {
			t.Fatal(err)
		}
		var stdout, stderr bytes.Buffer
		code := run(context.Background(), append([]string{"timeseam", "backfill", spec(history), "-o", filepath.Join(dir, out), "--progress", "none"}, more...), &stdout, &stderr)
		return stdout.String() + stderr.String(), code
	}
	if said, code := train("whole", "whole.parquet", "--history-only"); code != 0 {
		t.Fatalf("the unbroken log: %s", said)
	}
	said, code := train("part", "part.parquet", flags...)
	if code != 0 {
		// By offset the topic holds all that is needed, so that there is no reason to refuse.
		for _, why := range []string{"after the cut at", "retention has removed"} {
			if s.kind != cutover.ByOffset && strings.Contains(said, why) {
				return said
			}
		}
		t.Errorf("seed %d by %s: exit %d: %s", seed, s.kind, code, said)
		return said
	}
	whole, part := read(t, filepath.Join(dir, "whole.parquet")), read(t, filepath.Join(dir, "part.parquet"))
	if !bytes.Equal(whole, part) {
		t.Errorf("seed %d by %s (named %t): another training set than that of the unbroken log\n%s", seed, s.kind, s.named, said)
	}
	job := backfillJob{spec: spec("whole"), set: "train", workers: 1, historyOnly: true}
	unbroken := stateOf(t, &job)
	job = backfillJob{spec: spec("part"), set: "train", workers: 1 + int(seed%3)}
	if len(flags) > 0 {
		until, err := event.ParseTime(flags[1])
		if err != nil {
			t.Fatal(err)
		}
		job.complete = &until
	}
	if joined := stateOf(t, &job); !bytes.Equal(unbroken, joined) {
		t.Errorf("seed %d by %s (named %t): the canonical snapshot has %d bytes, others than the %d of the unbroken log\n%s", seed, s.kind, s.named, len(joined), len(unbroken), said)
	}
	return ""
}

// stateOf is the canonical snapshot of the state after all that a job knows: the parts
// that its run would read for questions at any instant, through the same joins.
func stateOf(t *testing.T, j *backfillJob) []byte {
	t.Helper()
	def, err := readDefinition(j.spec)
	if err != nil {
		t.Fatal(err)
	}
	in := openInputs(t.Context(), def, j.set)
	in.historyOnly = j.historyOnly
	defer in.disconnect()
	plan, err := in.planned(t.Context(), j.set)
	if err == nil {
		err = j.makeSpool(plan, in)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := in.spool.close(); err != nil {
			t.Error(err)
		}
	}()
	in.completed = in.complete(plan, j.complete)
	open := j.bounded(t.Context(), plan, in, nil).History
	state := plan.NewState()
	for i := range plan.Inputs {
		parts, err := open(plan.Inputs[i], event.Always())
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range parts {
			var b event.Batch
			for err = p.Read(t.Context(), &b); err == nil; err = p.Read(t.Context(), &b) {
				state.Apply(i, &b)
			}
			if closed := p.Close(); !errors.Is(err, io.EOF) || closed != nil {
				t.Fatal(err, closed)
			}
		}
	}
	return state.Snapshot()
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// forget removes what lies before the offsets that are kept, as retention does.
func forget(t *testing.T, brokers []string, keep map[int32]int64) {
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.DisableClientMetrics())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	var offsets kadm.Offsets
	for p, at := range keep {
		if at > 0 {
			offsets.Add(kadm.Offset{Topic: "tx", Partition: p, At: at})
		}
	}
	if len(offsets) == 0 {
		return
	}
	if _, err := kadm.NewClient(client).DeleteRecords(t.Context(), offsets); err != nil {
		t.Fatal(err)
	}
}
