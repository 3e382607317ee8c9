//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/live"
	"github.com/timeseam/timeseam/serve"
	"github.com/twmb/franz-go/pkg/kgo"
)

// siege is a topic and those who write to it, a history of what was there first, and
// a definition that a daemon follows, to which things happen. It knows every record, and
// so what any daemon must say.
type siege struct {
	*site
	random  *rand.Rand
	client  *kgo.Client
	wall    int64   // when records are stamped, in milliseconds
	events  []entry // in the order in which they were written, those again that were sent again
	poison  []string
	ends    map[int32]int64 // by partition, behind the last record
	history int             // so many of the events are the history
	noted   []noted
}

// noted is what a daemon said once it had applied all before these ends.
type noted struct {
	ends map[int32]int64
	said string
}

const siegeDefinition = `version: 1
name: siege
sources:
  tx:
    history: {json: part/}
    stream: {kafka: tx, brokers: %q, format: json, dead_letter: %s}
    fields: {id: bigint, account: string, amount: bigint, event_time: timestamp, _partition: bigint, _offset: bigint}
    event_timestamp: event_time
    event_id: id
    lateness: 40s
    cutover: {by: offset}
entities: {account: account}
feature_views:
  spend:
    entity: account
    source: tx
    windows: [10s, 5m, lifetime]
    features: {n: count(*), s: sum(amount), mean: avg(amount), last: "last(amount, 5)", most: max(amount)}
feature_services: {all: {features: [spend]}}
`

// newSiege writes some records, of which the first are the history.
func newSiege(t *testing.T, seed uint64) *siege {
	t.Helper()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	})
	return newSiegeAt(newSite(t), seed)
}

func newSiegeAt(s *site, seed uint64) *siege {
	s.Helper()
	o := &siege{site: s, random: rand.New(rand.NewPCG(seed, 5)), ends: map[int32]int64{}, wall: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()}
	s.create("tx", splitPartitions)
	var err error
	o.client, err = kgo.NewClient(kgo.SeedBrokers(s.cluster.ListenAddrs()...), kgo.DefaultProduceTopic("tx"), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0), kgo.DisableClientMetrics())
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(o.client.Close)
	o.write(60)
	o.history = len(o.events)
	write(s.T, s.file("part/all.jsonl", ""), o.events)
	o.write(60)
	s.file("live.yaml", fmt.Sprintf(siegeDefinition, s.brokers(), "dead.jsonl"))
	return o
}

// write writes random events: late ones, ties, some sent again and so out of order by
// another partition, and some that nobody can read once there is a history.
func (o *siege) write(n int) {
	o.Helper()
	for range n {
		o.wall += o.random.Int64N(3000)
		at := o.wall - o.wall%1000
		if o.random.IntN(4) == 0 {
			at -= o.random.Int64N(40_000)
		}
		e := entry{id: len(o.events), account: string(rune('a' + o.random.IntN(4))), amount: o.random.Int64N(1000), at: at * 1000, partition: o.random.Int32N(splitPartitions)}
		o.send(e)
		if o.random.IntN(6) == 0 {
			e.partition = o.random.Int32N(splitPartitions)
			o.send(e)
		}
		if o.history > 0 && o.random.IntN(12) == 0 {
			o.bury(fmt.Sprintf(`{"id": %d, "account": `, e.id))
		}
	}
}

// send writes one event.
func (o *siege) send(e entry) {
	o.Helper()
	e.written = o.wall
	e.offset = o.record(e.partition, e.json(""))
	o.events = append(o.events, e)
}

// bury writes a value that nobody can read.
func (o *siege) bury(value string) {
	o.Helper()
	p := o.random.Int32N(splitPartitions)
	o.poison = append(o.poison, fmt.Sprintf("%d/%d", p, o.record(p, value)))
}

func (o *siege) record(partition int32, value string) int64 {
	o.Helper()
	r, err := o.client.ProduceSync(o.Context(), &kgo.Record{Partition: partition, Value: []byte(value), Timestamp: time.UnixMilli(o.wall)}).First()
	if err != nil {
		o.Fatal(err)
	}
	o.ends[partition] = r.Offset + 1
	return r.Offset
}

// daemon is `timeseam follow` at work.
type daemon struct {
	*exec.Cmd
	*lines
	o     *siege
	saved string
	ended chan struct{}
	err   error
	url   string
}

// siegeReach is how far back questions go: to the beginning of all that is known.
const siegeReach = "2102400h"

// begin starts a daemon that saves in a folder, and does not wait for it.
func (o *siege) begin(saved string, more ...string) *daemon {
	o.Helper()
	return o.started(saved, command(o.T, o.dir, append([]string{"follow", "live.yaml", "--listen", "127.0.0.1:0", "--checkpoint", saved, "--checkpoint-interval", "1s", "--as-of", siegeReach, "--shards", "2", "--memory", "256MiB"}, more...)...))
}

// started starts a daemon by its command.
func (o *siege) started(saved string, c *exec.Cmd) *daemon {
	o.Helper()
	d := &daemon{Cmd: c, lines: newLines(), o: o, saved: saved, ended: make(chan struct{})}
	d.Stderr = d.lines
	if err := d.Start(); err != nil {
		o.Fatal(err)
	}
	go func() {
		d.err = d.Wait()
		d.lines.Close()
		close(d.ended)
	}()
	o.Cleanup(d.kill)
	return d
}

// follow starts a daemon, and waits until it serves.
func (o *siege) follow(saved string, more ...string) *daemon {
	o.Helper()
	d := o.begin(saved, more...)
	d.serves()
	return d
}

func (d *daemon) serves() {
	d.o.Helper()
	_, at, _ := strings.Cut(d.until(d.o.T, "msg=serving"), " at=")
	d.url = "http://" + strings.TrimSpace(at)
}

// kill ends the daemon as a power cut does.
func (d *daemon) kill() {
	d.Process.Kill()
	<-d.ended
}

// stop ends it in order.
func (d *daemon) stop() {
	d.o.Helper()
	d.Process.Signal(syscall.SIGTERM)
	<-d.ended
	if d.err != nil {
		d.o.Errorf("the daemon ended: %v", d.err)
	}
}

// questions are what is asked once all before some ends is applied: all accounts at some
// instants, of which the last is long after all events.
func (o *siege) questions(ends map[int32]int64) (bodies []string) {
	positions := map[string]int64{}
	for p, end := range ends {
		positions[fmt.Sprintf("tx/%d", p)] = end - 1
	}
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	last := o.wall
	for k := range int64(5) {
		at := begin.Add(time.Duration((last-begin.UnixMilli())*k/3) * time.Millisecond)
		q := map[string]any{"feature_service": "all", "entities": map[string]any{"account": []string{"a", "b", "c", "d", "z"}}, "as_of": at.UTC().Format(time.RFC3339Nano)}
		if len(positions) > 0 {
			q["positions"], q["wait"] = positions, "4s"
		}
		body, err := json.Marshal(q)
		if err != nil {
			o.Fatal(err)
		}
		bodies = append(bodies, string(body))
	}
	return bodies
}

// said is what a server answers, once it can.
func said(t *testing.T, url string, questions []string) string {
	t.Helper()
	var all strings.Builder
	for _, q := range questions {
		until(t, "an answer", func() bool {
			r, err := http.Post(url+"/get-online-features", "application/json", strings.NewReader(q))
			if err != nil {
				t.Fatal(err)
			}
			defer r.Body.Close()
			text, err := io.ReadAll(r.Body)
			if err != nil {
				t.Fatal(err)
			}
			if r.StatusCode == http.StatusServiceUnavailable || r.Header.Get("Timeseam-Reached") == "false" {
				return false
			}
			if r.StatusCode != http.StatusOK {
				t.Fatalf("%d: %s", r.StatusCode, text)
			}
			all.Write(text)
			return true
		})
	}
	return all.String()
}

// rests waits until a daemon has applied all that was written, notes what it says, and
// holds that it says what its records say, whoever reads them in whatever order.
func (d *daemon) rests() {
	d.o.Helper()
	ends := maps.Clone(d.o.ends)
	n := noted{ends, said(d.o.T, d.url, d.o.questions(ends))}
	d.o.noted = append(d.o.noted, n)
	if want := d.o.judged(ends, d.o.questions(ends)); n.said != want {
		d.o.Errorf("at %v the daemon says\n%s\nand its records say\n%s", ends, n.said, want)
	}
}

// job is a daemon in this process, which nobody begins.
func (o *siege) job(saved string) *followJob {
	return &followJob{spec: filepath.Join(o.dir, "live.yaml"), shards: 3, memory: 1 << 28, reach: 240 * 365 * 24 * time.Hour, checkpoints: saved, interval: time.Hour, log: slog.New(slog.DiscardHandler)}
}

// judged is what a state says to which all records before some ends were applied, in
// one batch and by nobody's reader.
func (o *siege) judged(ends map[int32]int64, questions []string) string {
	o.Helper()
	j := o.job("")
	def, err := readDefinition(j.spec)
	if err != nil {
		o.Fatal(err)
	}
	in := openInputs(o.Context(), def, rehearsed)
	plan, err := in.compileService("all")
	if err != nil {
		o.Fatal(err)
	}
	e := live.NewEngine(plan, live.Options{Reach: j.reach})
	b := emptyBatch(plan.Inputs[0].Columns)
	for i := range o.events {
		of := &o.events[i]
		if i >= o.history && of.offset >= ends[of.partition] {
			continue
		}
		for c, f := range plan.Inputs[0].Columns {
			switch f.Name {
			case "id":
				b.Columns[c].AppendInt(int64(of.id))
			case "account":
				b.Columns[c].AppendText([]byte(of.account))
			case "amount":
				b.Columns[c].AppendInt(of.amount)
			case "event_time":
				b.Columns[c].AppendInt(of.at)
			default:
				b.Columns[c].AppendNull()
			}
		}
		b.Len++
	}
	e.Apply(&live.Batch{Rows: b})
	for p, end := range ends {
		e.Apply(&live.Batch{Source: "tx", Partition: p, Next: end})
	}
	return said(o.T, o.serve(e), questions)
}

// serve is where an engine of this process is asked.
func (o *siege) serve(e *live.Engine) (url string) {
	o.Helper()
	s, err := serve.New(e, serve.Options{Service: "all"})
	if err != nil {
		o.Fatal(err)
	}
	server := httptest.NewServer(s.Handler())
	o.Cleanup(server.Close)
	return server.URL
}

// saved is the state of the newest checkpoint in a folder, in canonical form, after all
// was forgotten that nobody can ask for at one instant; and where it stands.
func (o *siege) saved(dir string) (state []byte, at live.Positions) {
	o.Helper()
	j := o.job(filepath.Join(o.dir, dir))
	if strings.HasPrefix(dir, "s3:") {
		j.checkpoints = dir
	}
	j.reach, j.clock = 0, func() time.Time { return time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC) }
	g, err := j.begin(o.Context())
	if err != nil {
		o.Fatal(err)
	}
	defer g.close()
	if is, err := g.restore(o.Context()); err != nil || !is {
		o.Fatal("there is no checkpoint", err)
	}
	g.engine.Forget()
	s := g.engine.Save(live.Due{Least: event.KeyGroups})
	slices.SortFunc(s.Bases, func(a, b live.GroupRuns) int { return (a.View-b.View)*event.KeyGroups + a.Group - b.Group })
	var b bytes.Buffer
	for i := range s.Bases {
		k := &s.Bases[i]
		fmt.Fprintf(&b, "%d %d %v %v %x\n", k.View, k.Group, k.Keys, k.Ends, k.Bytes)
	}
	return b.Bytes(), g.engine.Status().Positions
}

// same holds that what happened to the daemon that saved in a folder has left nothing: at
// rest it says and has saved what one does that nothing happened to, and every value that was noted
// is the one of its position.
func (o *siege) same(d *daemon) {
	o.Helper()
	d.rests()
	last := o.noted[len(o.noted)-1]
	d.stop()
	undisturbed := o.follow("undisturbed")
	undisturbed.rests()
	if got := o.noted[len(o.noted)-1]; got.said != last.said {
		o.Errorf("the daemon says\n%s\nand the undisturbed one\n%s", last.said, got.said)
	}
	undisturbed.stop()
	got, at := o.saved(d.saved)
	want, stood := o.saved("undisturbed")
	if !bytes.Equal(got, want) || len(got) == 0 {
		o.Errorf("the daemon has saved\n%s\nand the undisturbed one\n%s", got, want)
	}
	if fmt.Sprint(at) != fmt.Sprint(stood) {
		o.Errorf("the daemon has saved positions %v, and the undisturbed one %v", at, stood)
	}
	o.buried()
}

// buried holds that every value that nobody can read is in the dead letters, once.
func (o *siege) buried() {
	o.Helper()
	text, err := os.ReadFile(filepath.Join(o.dir, "dead.jsonl"))
	if err != nil && !(errors.Is(err, os.ErrNotExist) && len(o.poison) == 0) {
		o.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(string(text)) {
		var l struct {
			Partition int32
			Offset    int64
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			o.Fatalf("a line of the dead letters is %q: %v", line, err)
		}
		got = append(got, fmt.Sprintf("%d/%d", l.Partition, l.Offset))
	}
	slices.Sort(got)
	want := slices.Sorted(slices.Values(o.poison))
	if !slices.Equal(got, want) {
		o.Errorf("the dead letters are of %v, and poison are %v", got, want)
	}
}
