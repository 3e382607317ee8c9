package cutover

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/timeseam/timeseam/features/event"
)

// given is a source of one batch.
type given struct{ b *event.Batch }

func (g *given) Read(_ context.Context, b *event.Batch) error {
	if g.b == nil {
		return io.EOF
	}
	*b, g.b = *g.b, nil
	return nil
}

func (g *given) Schema() event.Schema { return nil }
func (g *given) Close() error         { return nil }

type row struct {
	id     string
	amount float64
	at     int64
	null   bool
}

var auditColumns = event.Schema{{Name: "id", Type: event.Of(event.String)}, {Name: "amount", Type: event.Of(event.Double)}, {Name: "at", Type: event.Of(event.Timestamp)}}

// batchOf makes a batch of rows.
func batchOf(rows []row) *event.Batch {
	b := &event.Batch{Len: len(rows)}
	for _, f := range auditColumns {
		b.Columns = append(b.Columns, event.Make(f.Type))
	}
	for _, r := range rows {
		b.Columns[0].AppendText([]byte(r.id))
		if r.null {
			b.Columns[1].AppendNull()
		} else {
			b.Columns[1].AppendFloat(r.amount)
		}
		b.Columns[2].AppendInt(r.at)
	}
	return b
}

// auditOf compares two lists of rows, which may be in any order and any batches.
func auditOf(history, stream []row, span event.Span) *Audit {
	return &Audit{Workers: 3, Span: span, Columns: auditColumns, Times: func(b *event.Batch) event.Column { return b.Columns[2] },
		Open: func(s Side) (all []event.Source, err error) {
			rows := [2][]row{history, stream}[s]
			for len(rows) > 0 {
				n := min(7, len(rows))
				all = append(all, &given{batchOf(rows[:n])})
				rows = rows[n:]
			}
			return all, nil
		}}
}

// byID knows events by their first column.
var byID = Known{ID: func(b *event.Batch, i int) string { return textOf(&b.Columns[0], i) }, Text: textOf}

// finer is another microsecond of the same millisecond.
func finer(at int64) int64 {
	if at%1000 == 0 {
		return at + 1
	}
	return at - 1
}

func textOf(c *event.Column, i int) string {
	switch {
	case c.IsNull(i):
		return "null"
	case c.Type.Text():
		return string(c.Text(i))
	case c.Type.Kind == event.Double:
		return fmt.Sprint(c.Floats[i])
	case c.Type.Kind == event.Timestamp:
		return event.Time(c.Ints[i]).String()
	}
	return fmt.Sprint(c.Ints[i])
}

// TestAuditIsOfContent holds that the order of rows and batches is no matter, and that
// every change of a row is.
func TestAuditIsOfContent(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var rows []row
	for i := range 500 {
		rows = append(rows, row{fmt.Sprint("e", i), float64(random.IntN(100)), random.Int64N(10 * hour), i%50 == 0})
	}
	span := event.Span{From: 0, To: event.Time(10 * hour)}
	changed := func(change func([]row) []row) []row {
		other := append([]row(nil), rows...)
		random.Shuffle(len(other), func(i, j int) { other[i], other[j] = other[j], other[i] })
		return change(other)
	}
	for _, c := range []struct {
		name   string
		change func([]row) []row
		hours  int
		want   string
	}{
		{"shuffled", func(r []row) []row { return r }, 0, ""},
		{"one lost", func(r []row) []row { return r[1:] }, 1, "is not in the stream"},
		{"one twice", func(r []row) []row { return append(r, r[0]) }, 1, "is 1 time in the history and 2 times in the stream"},
		{"below a millisecond", func(r []row) []row { r[5].at = finer(r[5].at); return r }, 1, "differ below a millisecond alone"},
		{"one new", func(r []row) []row { return append(r, row{"new", 1, 5, false}) }, 1, "event new is not in the history"},
		{"an amount", func(r []row) []row { r[3].amount, r[3].null = -7, false; return r }, 1, "in the history and -7 in the stream"},
		{"null and zero", func(r []row) []row {
			for i := range r {
				if r[i].null {
					r[i].null, r[i].amount = false, 0
					break
				}
			}
			return r
		}, 1, "amount is null in the history and 0 in the stream"},
		{"outside of the span", func(r []row) []row { return append(r, row{"x", 1, 10 * hour, false}, row{"y", 1, -1, false}) }, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := auditOf(rows, changed(c.change), span)
			hours, err := a.Run(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			found, err := a.Compare(context.Background(), hours, byID)
			if err != nil {
				t.Fatal(err)
			}
			cert := Certificate{Source: "tx", Topic: "tx", Kind: ByID}
			cert.Audit = a.Certify(hours, found)
			if cert.Audit.Differing != c.hours {
				t.Errorf("%d hours differ, want %d", cert.Audit.Differing, c.hours)
			}
			var said bytes.Buffer
			if cert.Print(&said); !strings.Contains(said.String(), c.want) {
				t.Errorf("%q is not in\n%s", c.want, said.String())
			}
		})
	}
}

// TestHour holds the hours before 1970, which a plain remainder would cut upwards.
func TestHour(t *testing.T) {
	for at, want := range map[int64]int64{0: 0, 1: 0, hour - 1: 0, hour: hour, -1: -hour, -hour: -hour} {
		if got := event.Time(at).Hour(); got != event.Time(want) {
			t.Errorf("the hour of %d is %d, want %d", at, got, want)
		}
	}
}

// broken is a source that cannot be read.
type broken struct{ given }

func (*broken) Read(context.Context, *event.Batch) error { return io.ErrUnexpectedEOF }

// TestAuditEnds holds that a part which cannot be read ends an audit, whoever reads it,
// and that so many workers as there are not parts find the same as one.
func TestAuditEnds(t *testing.T) {
	var rows []row
	for i := range 100 {
		rows = append(rows, row{fmt.Sprint("e", i), float64(i), int64(i) * hour / 9, false})
	}
	span := event.Span{From: 0, To: event.Time(20 * hour)}
	var want string
	for _, workers := range []int{1, 2, 99} {
		a := auditOf(rows, rows[:60], span)
		a.Workers = workers
		found, err := a.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(found); want == "" {
			want = got
		} else if got != want {
			t.Errorf("%d workers find %s, want %s", workers, got, want)
		}
	}
	a := auditOf(rows, rows, span)
	open := a.Open
	a.Open = func(s Side) ([]event.Source, error) {
		parts, err := open(s)
		if s == Stream {
			parts[len(parts)/2] = &broken{}
		}
		return parts, err
	}
	if _, err := a.Run(t.Context()); err == nil || err.Error() != "audit the stream: unexpected EOF" {
		t.Errorf("%v", err)
	}
}
