package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/bits"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
)

// servedOptions say how a served log is kept.
type servedOptions struct {
	path    string  // a folder, of this machine or of a bucket
	share   float64 // of keys whose answers are kept; 0: all
	tempDir string
	held    int64         // bytes of rows that wait in memory; 0: servedHeld
	rows    int64         // bytes of rows, as memory has them, of one file; 0: servedBytes
	age     time.Duration // after which a file is made whole; 0: servedAge
	now     func() time.Time
	log     *slog.Logger
}

// Bounds where nothing is said.
const (
	servedHeld  = 32 << 20
	servedBytes = 128 << 20
	servedAge   = 5 * time.Minute
	// servedEvery is how often rows go from memory to a file.
	servedEvery = time.Second
)

const servedPrefix = "served-"

// answered is a batch of questions and what was said to them. Nothing of it is kept.
type answered struct {
	plan      *features.Plan
	service   string
	at        time.Time    // of the wall clock, when it was answered
	questions *event.Batch // of Plan.Queries.Columns
	outputs   []int        // places in Plan.Outputs; nil: all
	columns   []event.Column
	now       event.Time // the instant of the questions that named none
	epoch     uint64
}

// servedLog writes answers as they were given: those of a share of all keys, of which it
// has each. An answer waits for nothing but its own copying to memory: what cannot be
// written as fast as it comes is dropped, and counted.
type servedLog struct {
	o         servedOptions
	threshold uint64
	process   string // begins the names of requests, and of files
	requests  atomic.Uint64

	mu     sync.Mutex
	tables map[*features.Plan]*servedTable
	held   int64

	files   *rolls
	number  int
	written atomic.Int64 // rows
	dropped atomic.Int64
	failed  atomic.Int64 // how often something could not be written
	wake    chan struct{}
	stop    context.CancelFunc
	done    sync.WaitGroup
}

// servedTable is the answers of one plan.
type servedTable struct {
	plan     *features.Plan
	schema   event.Schema
	instant  int // the query's column with the instant; -1: there is none
	pending  *event.Batch
	bytes    int64 // of pending
	file     *rolling
	features []string
}

// What a row of a served log has before the question's columns and the outputs.
var servedHead = event.Schema{
	{Name: "_request", Type: event.Of(event.String)}, // which request, and
	{Name: "_row", Type: event.Of(event.Int)},        // which of its rows
	{Name: "_time", Type: event.Of(event.Timestamp)}, // when it was answered, by the wall clock
	{Name: "_now", Type: event.Of(event.Bool)},       // whether it was asked of no instant
	{Name: "_epoch", Type: event.Of(event.Int)},      // of the position log
	{Name: "_service", Type: event.Of(event.String)},
	{Name: "_digest", Type: event.Of(event.String)},  // of the plan
	{Name: "_outputs", Type: event.Of(event.String)}, // what was asked for, with commas between; null: all
}

// openServed opens a served log. run must be called for it to write anything.
func openServed(ctx context.Context, o servedOptions) (*servedLog, error) {
	if o.held == 0 {
		o.held = servedHeld
	}
	if o.rows == 0 {
		o.rows = servedBytes
	}
	if o.age == 0 {
		o.age = servedAge
	}
	if o.now == nil {
		o.now = time.Now
	}
	if o.log == nil {
		o.log = slog.New(slog.DiscardHandler)
	}
	l := &servedLog{o: o, threshold: math.MaxUint64, tables: map[*features.Plan]*servedTable{}, wake: make(chan struct{}, 1)}
	if o.share > 0 && o.share < 1 {
		l.threshold = uint64(o.share * (1 << 63) * 2)
	}
	var own [6]byte
	rand.Read(own[:])
	l.process = hex.EncodeToString(own[:])
	var err error
	if l.files, err = openRolls(ctx, o.path, servedPrefix, o.tempDir); err != nil {
		return nil, fmt.Errorf("served log in %s: %w", o.path, err)
	}
	l.files.dropped = func(rows int64) { l.dropped.Add(rows); l.written.Add(-rows) }
	return l, nil
}

// sampled reports whether a key's answers are kept. It takes all bits of the hash: some
// of them tell key groups and places in tables, and would keep whole groups.
func (l *servedLog) sampled(key event.Hash) bool {
	x := key.Hi ^ bits.RotateLeft64(key.Lo, 29)
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x^x>>31 <= l.threshold
}

// see takes a copy of the rows that are sampled. Any goroutine may call it.
func (l *servedLog) see(a *answered) {
	keys := a.plan.FirstKeys(a.questions)
	var rows []int
	for r, key := range keys {
		if l.sampled(key) {
			rows = append(rows, r)
		}
	}
	if len(rows) == 0 {
		return
	}
	request := fmt.Sprintf("%s-%d", l.process, l.requests.Add(1))
	bytes := a.weigh(rows)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held+bytes > l.o.held {
		l.dropped.Add(int64(len(rows)))
		return
	}
	t := l.tables[a.plan]
	if t == nil {
		t = newServedTable(a.plan)
		l.tables[a.plan] = t
	}
	for _, r := range rows {
		t.add(a, request, r)
	}
	t.bytes, l.held = t.bytes+bytes, l.held+bytes
	if l.held > l.o.held/4 {
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}
}

// weigh is about how many bytes rows take.
func (a *answered) weigh(rows []int) (n int64) {
	for _, r := range rows {
		n += 128
		for i := range a.questions.Columns {
			n += cellBytes(&a.questions.Columns[i], r)
		}
		for i := range a.columns {
			n += cellBytes(&a.columns[i], r)
		}
		n += int64(len(a.plan.Outputs)-len(a.columns)) * 9
	}
	return n
}

// cellBytes is about how many bytes a value takes in a column.
func cellBytes(c *event.Column, i int) (n int64) {
	if c.IsNull(i) {
		return 9
	}
	switch c.Type.Kind {
	case event.String, event.Bytes:
		return 9 + int64(len(c.Text(i)))
	case event.Decimal:
		return 17
	case event.List, event.Map:
		for k := c.Offsets[i]; k < c.Offsets[i+1]; k++ {
			n += cellBytes(c.Elem, int(k))
		}
		return n + 5
	case event.Struct:
		for f := range c.Fields {
			n += cellBytes(&c.Fields[f], i)
		}
		return n + 1
	}
	return 9
}

func newServedTable(plan *features.Plan) *servedTable {
	t := &servedTable{plan: plan, instant: plan.Queries.Columns.Index("event_timestamp"), features: names(plan.Outputs)}
	taken := append(names(servedHead), t.features...)
	t.schema = slices.Clone(servedHead)
	for _, f := range plan.Queries.Columns {
		for slices.Contains(taken, f.Name) {
			f.Name += "_"
		}
		taken, t.schema = append(taken, f.Name), append(t.schema, f)
	}
	t.schema = append(t.schema, plan.Outputs...)
	t.pending = emptyBatch(t.schema)
	return t
}

// add appends a row.
func (t *servedTable) add(a *answered, request string, row int) {
	c := t.pending.Columns
	now := t.instant >= 0 && a.questions.Columns[t.instant].IsNull(row)
	c[0].AppendText([]byte(request))
	c[1].AppendInt(int64(row))
	c[2].AppendInt(a.at.UnixMicro())
	c[3].AppendInt(0)
	if now {
		c[3].Ints[len(c[3].Ints)-1] = 1
	}
	c[4].AppendInt(int64(a.epoch))
	c[5].AppendText([]byte(a.service))
	c[6].AppendText([]byte(a.plan.Digest()))
	if a.outputs == nil {
		c[7].AppendNull()
	} else {
		var asked []string
		for _, o := range a.outputs {
			asked = append(asked, t.features[o])
		}
		c[7].AppendText([]byte(strings.Join(asked, ",")))
	}
	c = c[len(servedHead):]
	for i := range a.questions.Columns {
		if now && i == t.instant {
			c[i].AppendInt(int64(a.now))
			continue
		}
		c[i].Append(&a.questions.Columns[i], row)
	}
	c = c[len(a.questions.Columns):]
	for i := range a.columns {
		at := i
		if a.outputs != nil {
			at = a.outputs[i]
		}
		if c[at].Len() == t.pending.Len { // one may be asked for twice
			c[at].Append(&a.columns[i], row)
		}
	}
	t.pending.Len++
	for i := range c {
		if c[i].Len() < t.pending.Len {
			c[i].AppendNull()
		}
	}
}

// run begins to write.
func (l *servedLog) run(ctx context.Context) {
	inner, stop := context.WithCancel(context.WithoutCancel(ctx))
	l.stop = stop
	l.done.Go(func() {
		tick := time.NewTicker(servedEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
			case <-l.wake:
			case <-inner.Done():
				return
			}
			l.round(inner, false)
		}
	})
}

// close writes all that was seen. What cannot be written by then is dropped.
func (l *servedLog) close(ctx context.Context) error {
	if l.stop != nil {
		l.stop()
	}
	l.done.Wait()
	l.round(ctx, true)
	return l.files.close()
}

// round writes what waits in memory, ends the files that are due, or all, and sends
// them where they belong.
func (l *servedLog) round(ctx context.Context, last bool) {
	for _, t := range l.take() {
		l.told(l.write(ctx, t))
		if t.file != nil && (last || t.file.bytes >= l.o.rows || l.o.now().Sub(t.file.began) >= l.o.age) {
			rows := t.file.rows
			err := l.files.end(ctx, t.file)
			t.file = nil
			if err != nil {
				l.dropped.Add(rows)
				l.written.Add(-rows)
			}
			l.told(err)
		}
	}
	l.told(l.files.send(ctx))
}

// told notes that something could not be written. The log says so and goes on.
func (l *servedLog) told(err error) {
	if err != nil && !errors.Is(err, context.Canceled) {
		l.failed.Add(1)
		l.o.log.Warn("served log", "problem", err.Error(), "dropped", l.dropped.Load())
	}
}

// servedTaken is a table, and the rows that were seen for it since.
type servedTaken struct {
	*servedTable
	batch  *event.Batch
	weight int64
}

// take takes what was seen, and lets go of tables that nobody asks any more.
func (l *servedLog) take() (all []servedTaken) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for plan, t := range l.tables {
		all = append(all, servedTaken{t, t.pending, t.bytes})
		if t.pending.Len > 0 {
			t.pending, t.bytes = emptyBatch(t.schema), 0
		} else if t.file == nil {
			delete(l.tables, plan)
		}
	}
	return all
}

// write writes rows to the file of their table. Rows count as held until they are
// written, so that what is in memory is bounded.
func (l *servedLog) write(ctx context.Context, t servedTaken) (err error) {
	if t.batch.Len == 0 {
		return nil
	}
	defer func() {
		l.mu.Lock()
		l.held -= t.weight
		l.mu.Unlock()
	}()
	if t.file == nil {
		l.number++
		name := fmt.Sprintf("%s%s-%s-%06d.parquet", servedPrefix, l.o.now().UTC().Format("20060102T150405.000000Z"), l.process, l.number)
		if t.file, err = l.files.begin(ctx, name, t.schema, l.o.now()); err != nil {
			l.dropped.Add(int64(t.batch.Len))
			return err
		}
	}
	l.written.Add(int64(t.batch.Len))
	if err = t.file.write(ctx, t.batch, t.weight); err != nil {
		l.dropped.Add(t.file.rows)
		l.written.Add(-t.file.rows)
		err = errors.Join(err, t.file.Close())
		t.file = nil
	}
	return err
}
