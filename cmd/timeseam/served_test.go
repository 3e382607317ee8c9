package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/live"
	"github.com/timeseam/timeseam/sink"
	"github.com/timeseam/timeseam/store/storetest"
)

const servedDefinition = `version: 1
name: spending
sources:
  tx: {history: {parquet: tx.parquet}, fields: {account_id: string, amount: double, price: "decimal(12,2)", at_time: timestamp, shop: string}, event_timestamp: at_time}
entities: {account: account_id}
feature_views:
  spend:
    entity: account
    source: tx
    window: 1d
    features: {n: count(*), s: sum(amount), p: sum(price), shops: "last(shop, 3)", seen: max(at_time), row: "last(row(shop, amount))", h: histogram(shop)}
  asked: {request: {amount: double}, features: {share: "request.amount / nullif(spend.s, 0)"}}
feature_services: {all: {features: [spend, asked]}}
`

var servedSource = event.Schema{{Name: "account_id", Type: event.Of(event.String)}, {Name: "amount", Type: event.Of(event.Double)}, {Name: "price", Type: event.DecimalOf(12, 2)}, {Name: "at_time", Type: event.Of(event.Timestamp)}, {Name: "shop", Type: event.Of(event.String)}}

const servedDay = event.Time(1_767_225_600_000_000)

// newServedEngine is an engine that knows some payments of 50 accounts.
func newServedEngine(t *testing.T) *live.Engine {
	t.Helper()
	def, err := features.Load("s.yaml", []byte(servedDefinition))
	if err != nil {
		t.Fatal(err)
	}
	plan, err := features.CompileService(def, features.Catalog{Histories: map[string]event.Schema{"tx": servedSource}}, "all")
	if err != nil {
		t.Fatal(err)
	}
	e := live.NewEngine(plan, live.Options{Reach: 1e6 * time.Hour, Now: func() time.Time { return time.UnixMicro(int64(servedDay)) }})
	b := emptyBatch(plan.Inputs[0].Columns)
	for i := range 300 {
		for c, f := range plan.Inputs[0].Columns {
			col := &b.Columns[c]
			switch {
			case f.Name == "account_id":
				col.AppendText(fmt.Appendf(nil, "a%d", i%50))
			case f.Name == "amount":
				col.AppendFloat([]float64{0.1, math.Pi * 1e9, -1e-300, math.Inf(1), math.NaN(), 3}[i%7%6])
			case f.Name == "price":
				col.AppendDecimal(event.Int128Of(int64(i) * 37))
			case f.Name == "at_time":
				col.AppendInt(int64(servedDay) - int64(i)*1_000_000 - 5)
			case i%9 == 0:
				col.AppendNull()
			default:
				col.AppendText(fmt.Appendf(nil, "shop %d", i%4))
			}
		}
		b.Len++
	}
	e.Apply(&live.Batch{Rows: b, Source: "tx", Next: 300})
	return e
}

// servedQuestions are questions about accounts; every other names no instant.
func servedQuestions(e *live.Engine, accounts ...int) *event.Batch {
	b := emptyBatch(e.Plan().Queries.Columns)
	for i, a := range accounts {
		for c, f := range e.Plan().Queries.Columns {
			switch {
			case f.Name == "account_id":
				b.Columns[c].AppendText(fmt.Appendf(nil, "a%d", a))
			case f.Name == "amount":
				b.Columns[c].AppendFloat(float64(a))
			case i%2 == 0:
				b.Columns[c].AppendNull()
			default:
				b.Columns[c].AppendInt(int64(servedDay) - int64(a)*1000)
			}
		}
		b.Len++
	}
	return b
}

// given asks an engine and has a log see the answer.
func given(t *testing.T, l *servedLog, e *live.Engine, accounts ...int) *answered {
	t.Helper()
	b := servedQuestions(e, accounts...)
	got, err := e.Ask(b)
	if err != nil {
		t.Fatal(err)
	}
	a := &answered{plan: e.Plan(), service: "all", at: time.UnixMicro(int64(servedDay) + 7), questions: b, columns: got.Columns, now: got.At, epoch: got.Epoch}
	l.see(a)
	return a
}

// listsOf is the columns of a folder's files that have lists and the like, as text.
func listsOf(t *testing.T, path string, columns []string) (rows []string) {
	t.Helper()
	table, err := newFinder().Find(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	of, err := table.Carry(columns, 100)
	if err != nil {
		t.Fatal(err)
	}
	defer of.Close()
	var b event.Batch
	for {
		err := of.Read(t.Context(), &b)
		if errors.Is(err, io.EOF) {
			return rows
		}
		if err != nil {
			t.Fatal(err)
		}
		for i := range int(b.Carried.NumRows()) {
			row := ""
			for c := range columns {
				row += b.Carried.Column(c).ValueStr(i) + " "
			}
			rows = append(rows, row)
		}
	}
}

// readAll reads the single values of the files of a folder as one batch.
func readAll(t *testing.T, path string) (event.Schema, *event.Batch) {
	t.Helper()
	table, err := newFinder().Find(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	var single []string
	for _, f := range table.Schema() {
		if f.Type.Kind != event.Unknown && f.Type.Scalar() {
			single = append(single, f.Name)
		}
	}
	of, err := table.Read(single)
	if err != nil {
		t.Fatal(err)
	}
	defer of.Close()
	all := emptyBatch(of.Schema())
	var b event.Batch
	for {
		err := of.Read(t.Context(), &b)
		if errors.Is(err, io.EOF) {
			return of.Schema(), all
		}
		if err != nil {
			t.Fatal(err)
		}
		for i := range b.Len {
			appendRow(all, &b, i)
		}
	}
}

func openTestServed(t *testing.T, o servedOptions) *servedLog {
	t.Helper()
	if o.tempDir == "" {
		o.tempDir = t.TempDir()
	}
	l, err := openServed(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// sameBits reports whether two values are the same to the bit.
func sameBits(a *event.Column, i int, b *event.Column, j int) bool {
	if a.IsNull(i) || b.IsNull(j) || a.Type.Kind != event.Double {
		return event.Compare(a, i, b, j) == 0
	}
	return math.Float64bits(a.Floats[i]) == math.Float64bits(b.Floats[j])
}

// TestServedLog holds that a served log has every answer as it was given: all values to
// the bit, the question, the instant, the epoch; in a folder and in a bucket.
func TestServedLog(t *testing.T) {
	storetest.Start(t)
	for name, path := range map[string]string{"folder": filepath.Join(t.TempDir(), "served"), "bucket": "s3://" + storetest.Bucket + "/served/"} {
		t.Run(name, func(t *testing.T) {
			e := newServedEngine(t)
			l := openTestServed(t, servedOptions{path: path})
			var all []*answered
			for i := range 20 {
				all = append(all, given(t, l, e, i, i+1, 49, 1000+i))
				if i%6 == 5 {
					l.round(t.Context(), i%12 == 11)
				}
			}
			if err := l.close(t.Context()); err != nil {
				t.Fatal(err)
			}
			if w, d := l.written.Load(), l.dropped.Load(); w != 80 || d != 0 {
				t.Fatalf("%d rows are written, %d dropped", w, d)
			}
			schema, b := readAll(t, path)
			if b.Len != 80 {
				t.Fatalf("it has %d rows", b.Len)
			}
			col := func(name string) *event.Column { return &b.Columns[schema.Index(name)] }
			var nested event.Schema
			for _, f := range e.Plan().Outputs {
				if !f.Type.Scalar() {
					nested = append(nested, f)
				}
			}
			want := filepath.Join(t.TempDir(), "want.parquet")
			target, err := sink.Place{Path: want}.Resolve()
			if err != nil {
				t.Fatal(err)
			}
			out, err := target.Open(t.Context(), sink.Options{Schema: nested})
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range all {
				rows := event.Batch{Len: 4}
				for c, f := range e.Plan().Outputs {
					if !f.Type.Scalar() {
						rows.Columns = append(rows.Columns, a.columns[c])
					}
				}
				if err := out.Write(t.Context(), &rows); err != nil {
					t.Fatal(err)
				}
			}
			if err := errors.Join(out.Commit(t.Context()), out.Close()); err != nil {
				t.Fatal(err)
			}
			if got, want := listsOf(t, path, names(nested)), listsOf(t, want, names(nested)); len(nested) != 3 || !slices.Equal(got, want) {
				t.Fatalf("lists are\n%v\nand were\n%v", got, want)
			}
			for row := range b.Len {
				a, r := all[row/4], row%4
				what := fmt.Sprint(string(col("_request").Text(row)), col("_row").Ints[row], col("_time").Ints[row]-int64(servedDay), col("_now").Ints[row], col("_epoch").Ints[row], string(col("_service").Text(row)), string(col("_digest").Text(row)), col("_outputs").IsNull(row))
				if want := fmt.Sprint(fmt.Sprintf("%s-%d", l.process, row/4+1), r, 7, 1-r%2, 1, "all", e.Plan().Digest(), true); what != want {
					t.Fatalf("row %d is %s, want %s", row, what, want)
				}
				at := int64(a.now)
				if r%2 == 1 {
					at = a.questions.Columns[e.Plan().Queries.Columns.Index("event_timestamp")].Ints[r]
				}
				if got := col("event_timestamp").Ints[row]; got != at {
					t.Fatalf("row %d is of %d, want %d", row, got, at)
				}
				for c, f := range e.Plan().Queries.Columns {
					if f.Name != "event_timestamp" && !sameBits(&a.questions.Columns[c], r, col(f.Name), row) {
						t.Fatalf("row %d: %s is another", row, f.Name)
					}
				}
				for c, f := range e.Plan().Outputs {
					if f.Type.Scalar() && !sameBits(&a.columns[c], r, col(f.Name), row) {
						t.Fatalf("row %d: %s is %s, and %s was answered", row, f.Name, valueText(col(f.Name), row), valueText(&a.columns[c], r))
					}
				}
			}
		})
	}
}

// TestServedSample holds that of a key all answers are kept or none, whoever asks, and
// that the share of keys is about the one that was asked for.
func TestServedSample(t *testing.T) {
	e := newServedEngine(t)
	dir := t.TempDir()
	l := openTestServed(t, servedOptions{path: dir, share: 0.25})
	for range 3 {
		for a := 0; a < 2000; a += 4 {
			given(t, l, e, a, a+1, a+2, a+3)
		}
	}
	if err := l.close(t.Context()); err != nil {
		t.Fatal(err)
	}
	schema, b := readAll(t, dir)
	of := map[string]int{}
	for i := range b.Len {
		of[string(b.Columns[schema.Index("account_id")].Text(i))]++
	}
	for key, n := range of {
		if n != 3 {
			t.Errorf("of key %s %d answers are kept, and it was asked 3 times", key, n)
		}
	}
	if n := len(of); n < 430 || n > 570 {
		t.Errorf("%d of 2000 keys are kept", n)
	}
}

// TestServedPart holds that of a part of the outputs it is told which were asked for.
func TestServedPart(t *testing.T) {
	e := newServedEngine(t)
	dir := t.TempDir()
	l := openTestServed(t, servedOptions{path: dir})
	b := servedQuestions(e, 7)
	got, err := e.Ask(b)
	if err != nil {
		t.Fatal(err)
	}
	l.see(&answered{plan: e.Plan(), service: "all", questions: b, outputs: []int{2, 0, 2}, columns: []event.Column{got.Columns[2], got.Columns[0], got.Columns[2]}, now: got.At})
	if err := l.close(t.Context()); err != nil {
		t.Fatal(err)
	}
	schema, rows := readAll(t, dir)
	asked := &rows.Columns[schema.Index("_outputs")]
	if got := valueText(asked, 0); got != "spend__p,spend__n,spend__p" {
		t.Errorf("what was asked for is %s", got)
	}
	for c, f := range e.Plan().Outputs {
		if !f.Type.Scalar() {
			continue
		}
		col := &rows.Columns[schema.Index(f.Name)]
		if c == 0 || c == 2 {
			if !sameBits(col, 0, &got.Columns[c], 0) {
				t.Errorf("%s is another", f.Name)
			}
		} else if !col.IsNull(0) {
			t.Errorf("%s is there, and nobody asked for it", f.Name)
		}
	}
}

// TestServedBounds holds that what cannot be kept up with is dropped and counted, that
// an answer is never waited for, and that the log goes on.
func TestServedBounds(t *testing.T) {
	e := newServedEngine(t)
	dir := t.TempDir()
	l := openTestServed(t, servedOptions{path: dir, held: 20_000})
	for i := range 1000 {
		given(t, l, e, i)
	}
	dropped := l.dropped.Load()
	if dropped == 0 || l.held > 20_000 {
		t.Fatalf("%d rows are dropped, %d bytes held", dropped, l.held)
	}
	l.round(t.Context(), false)
	if l.held != 0 {
		t.Fatalf("%d bytes are held of what is written", l.held)
	}
	given(t, l, e, 5)
	if err := l.close(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, b := readAll(t, dir)
	if int64(b.Len)+dropped != 1001 || l.written.Load() != int64(b.Len) {
		t.Errorf("%d rows are there, %d are dropped, %d are said to be written", b.Len, dropped, l.written.Load())
	}
}

// TestServedTrouble takes the log's folder away and brings it back.
func TestServedTrouble(t *testing.T) {
	e := newServedEngine(t)
	dir := filepath.Join(t.TempDir(), "served")
	l := openTestServed(t, servedOptions{path: dir})
	if err := errors.Join(os.RemoveAll(dir), os.WriteFile(dir, nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	given(t, l, e, 1, 2)
	l.round(t.Context(), false)
	if l.dropped.Load() != 2 || l.failed.Load() != 1 {
		t.Fatalf("%d rows are dropped, %d times it failed", l.dropped.Load(), l.failed.Load())
	}
	if err := errors.Join(os.Remove(dir), os.Mkdir(dir, 0o755)); err != nil {
		t.Fatal(err)
	}
	given(t, l, e, 3)
	if err := l.close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, b := readAll(t, dir); b.Len != 1 || l.written.Load() != 1 {
		t.Errorf("%d rows are there", b.Len)
	}
}

// TestServedAway has the bucket be away: files wait, as many as there is room for, and
// are there when it is back.
func TestServedAway(t *testing.T) {
	storetest.Start(t)
	e := newServedEngine(t)
	path := "s3://" + storetest.Bucket + "/served"
	l := openTestServed(t, servedOptions{path: path, age: time.Nanosecond})
	gone, stop := context.WithCancel(t.Context())
	for i := range 3 {
		given(t, l, e, i)
		l.round(t.Context(), true)
	}
	_, b := readAll(t, path)
	if b.Len != 3 {
		t.Fatalf("%d rows are there", b.Len)
	}
	stop()
	for i := range 4 {
		given(t, l, e, i)
		for _, table := range l.take() {
			if err := errors.Join(l.write(t.Context(), table), l.files.end(t.Context(), table.file)); err != nil {
				t.Fatal(err)
			}
			table.servedTable.file = nil
		}
		if err := l.files.send(gone); err == nil {
			t.Fatal("it was sent to nowhere")
		}
	}
	l.files.most = l.files.waiting[3].bytes + l.files.waiting[2].bytes // the others go
	if err := l.files.send(gone); err == nil || l.dropped.Load() != 2 {
		t.Fatalf("%d rows are dropped: %v", l.dropped.Load(), err)
	}
	if err := l.close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, b := readAll(t, path); b.Len != 5 || l.written.Load() != 5 {
		t.Errorf("%d rows are there, %d are said to be written", b.Len, l.written.Load())
	}
}

// TestServedSweep holds that what a killed process left half written goes, and what
// another writes stays.
func TestServedSweep(t *testing.T) {
	e := newServedEngine(t)
	dir := t.TempDir()
	left := filepath.Join(dir, servedPrefix+"x.parquet.partial")
	if err := os.WriteFile(left, []byte("half"), 0o644); err != nil {
		t.Fatal(err)
	}
	l := openTestServed(t, servedOptions{path: dir})
	given(t, l, e, 1)
	l.round(t.Context(), false) // its file is begun
	again := openTestServed(t, servedOptions{path: dir})
	if err := errors.Join(l.close(t.Context()), again.close(t.Context())); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); err == nil {
		t.Error("half a file is still there")
	}
	if _, b := readAll(t, dir); b.Len != 1 {
		t.Errorf("%d rows are there", b.Len)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 1 {
		t.Errorf("there are %v", left)
	}
}

// TestServedBeside has many goroutines answer while the log writes.
func TestServedBeside(t *testing.T) {
	e := newServedEngine(t)
	dir := t.TempDir()
	l := openTestServed(t, servedOptions{path: dir, rows: 50_000})
	l.run(t.Context())
	var wait sync.WaitGroup
	for g := range 8 {
		wait.Go(func() {
			for i := range 100 {
				given(t, l, e, g*100+i)
			}
		})
	}
	wait.Wait()
	if err := l.close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, b := readAll(t, dir); int64(b.Len)+l.dropped.Load() != 800 {
		t.Errorf("%d rows are there, %d are dropped", b.Len, l.dropped.Load())
	}
}

func BenchmarkServedSee(b *testing.B) {
	def, err := features.Load("s.yaml", []byte(servedDefinition))
	if err != nil {
		b.Fatal(err)
	}
	plan, err := features.CompileService(def, features.Catalog{Histories: map[string]event.Schema{"tx": servedSource}}, "all")
	if err != nil {
		b.Fatal(err)
	}
	e := live.NewEngine(plan, live.Options{})
	q := servedQuestions(e, 7)
	got, err := e.Ask(q)
	if err != nil {
		b.Fatal(err)
	}
	l, err := openServed(b.Context(), servedOptions{path: b.TempDir(), tempDir: b.TempDir(), share: 0.01})
	if err != nil {
		b.Fatal(err)
	}
	a := &answered{plan: plan, questions: q, columns: got.Columns}
	for _, kept := range []bool{true, false} {
		l.threshold = map[bool]uint64{true: math.MaxUint64, false: 0}[kept]
		b.Run(fmt.Sprint("kept=", kept), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				l.see(a)
				if l.held > 1<<20 {
					l.tables, l.held = map[*features.Plan]*servedTable{}, 0
				}
			}
		})
	}
}
