package timetravel_test

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"strings"

	"github.com/timeseam/timeseam/features/event"
)

// dice draws a random case.
type dice struct {
	*rand.Rand
	instants []event.Time
	spans    []event.Time
	open     bool // windows that end at t are open there, as rows that are events ask
}

// one draws one of several.
func one[T any](d *dice, of ...T) T { return of[d.IntN(len(of))] }

func newRandomCase(seed uint64) randomCase {
	d := &dice{Rand: rand.New(rand.NewPCG(seed, 0))}
	c := randomCase{eventID: d.IntN(2) == 0, orderBy: one(d, "", "", "seq", "[seq desc, s]", "[d, x desc]")}
	c.version, c.nan = d.IntN(3) == 0, d.IntN(4) == 0
	d.instants = d.drawInstants()
	for _, w := range randomLengths {
		d.spans = append(d.spans, event.Time(duration(w)))
	}
	c.known = one(d, "{known: event_time}", "{known: event_time}", "{known: arrival}", "{known: arrival, delay: 1s}", "{known: arrival, delay: 1h, decide_after: 1s}", "{known: arrival, decide_after: 1d}")
	c.self = one(d, "", "", "", ", self: exclude", ", self: include", ", self: {include: acts}")
	d.open = strings.Contains(c.self, "include")
	c.events = d.drawEvents(d.IntN(60))
	c.spine = d.drawSpine(1 + d.IntN(14))
	for i := range 1 + d.IntN(3) {
		c.views = append(c.views, d.drawView(i))
	}
	for i := range d.IntN(3) {
		t, v := d.drawTable(i)
		c.tables, c.views = append(c.tables, t), append(c.views, v)
	}
	if d.IntN(2) == 0 {
		c.views = append(c.views, d.drawDerived())
	}
	c.guises = d.drawGuises(c.views)
	c.spineEntity = one(d, "", "", "", ", entity: {one: other}", ", entity: {two: [other, k2]}")
	c.outcomes = d.drawOutcomes(d.IntN(20))
	if d.IntN(3) == 0 {
		c.labels, c.censored = d.drawLabels(), one(d, "", "    censored: drop\n")
	}
	c.way, c.future = d.IntN(3), d.Uint64()
	return c
}

// drawInstants draws the instants around which all happens: some of our days,
// or of 1970, or of the ends of the calendar.
func (d *dice) drawInstants() []event.Time {
	var at []event.Time
	for range 1 + d.IntN(4) {
		base := one(d, "2026-03-01T12:00:00Z", "2026-03-01T12:00:00Z", "1970-01-01T00:00:00Z", "1969-12-31T23:59:59.999999Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z")
		t, err := event.ParseTime(base)
		if err != nil {
			panic(err)
		}
		at = append(at, t+event.Time(one(d, 0, 0, 1, 1_000_000, 3_600_000_000)))
	}
	return at
}

// time draws an instant on an edge of some window of some question, or beside it.
func (d *dice) time() value {
	t := one(d, d.instants...)
	for range d.IntN(3) {
		t -= one(d, d.spans...)
	}
	t += one(d, event.Time(0), 0, 0, 1, -1)
	if d.IntN(30) == 0 {
		return nil
	}
	return t
}

func (d *dice) key() value {
	return one[value](d, "hot", "hot", "hot", "hot", "é", "e\u0301", "日本", "", nil)
}

func (d *dice) double() value {
	return one[value](d, nil, nil, 0.0, math.Copysign(0, -1), 0.1, 0.2, 0.3, 1e16, -1e16, 5e-324, 1.7e308, -1.7e308, math.NaN(), math.Inf(1), math.Inf(-1), 1.0, 2.0, 3.0, float64(d.IntN(1000))/100, d.NormFloat64()*1e9)
}

func (d *dice) int() value {
	return one[value](d, nil, int64(0), int64(1), int64(2), int64(3), int64(-1), int64(1)<<53, int64(1)<<53+1, int64(math.MaxInt64), int64(math.MinInt64), int64(d.IntN(100)))
}

func (d *dice) decimal() value {
	if d.IntN(8) == 0 {
		return nil
	}
	return decimal{big.NewInt(one(d, 0, 1, 10, -10, 999999, -999999, d.Int64N(100000))), 2}
}

func (d *dice) text() value {
	return one[value](d, nil, "", "a", "b", "B", "é", "zz", "日本", "a")
}

func (d *dice) bool() value { return one[value](d, true, true, false, nil) }

func (d *dice) drawEvents(n int) table {
	t := table{schema: event.Schema{{Name: "k", Type: event.Of(event.String)}, {Name: "k2", Type: event.Of(event.Int)}, {Name: "at", Type: event.Of(event.Timestamp)},
		{Name: "id", Type: event.Of(event.String)}, {Name: "seq", Type: event.Of(event.Int)}, {Name: "n", Type: event.Of(event.Int)}, {Name: "x", Type: event.Of(event.Double)},
		{Name: "d", Type: event.DecimalOf(6, 2)}, {Name: "s", Type: event.Of(event.String)}, {Name: "b", Type: event.Of(event.Bool)}, {Name: "came", Type: event.Of(event.Timestamp)}}}
	for range n {
		row := []value{d.key(), one[value](d, int64(1), int64(1), int64(2), nil), d.time(), one[value](d, "i1", "i2", "i3", "i4", nil), one[value](d, int64(1), int64(2), nil),
			d.int(), d.double(), d.decimal(), d.text(), d.bool(), nil}
		row[10] = d.came(row[2])
		t.rows = append(t.rows, row)
		for d.IntN(4) == 0 {
			again := append([]value{}, row...)
			again[4+d.IntN(6)] = nil // Sent again, perhaps otherwise.
			t.rows = append(t.rows, again)
		}
	}
	return t
}

// came draws when an event arrived: with it, somewhat later, at any edge, or
// never.
func (d *dice) came(at value) value {
	switch d.IntN(5) {
	case 0:
		return d.time()
	case 1:
		return nil
	case 2:
		if at != nil && at.(event.Time) < event.MaxTime-event.Time(2*microsOfDay) {
			return at.(event.Time) + one(d, 1, 1_000_000, 3_600_000_000, event.Time(microsOfDay))
		}
	}
	return at
}

func (d *dice) drawSpine(n int) table {
	t := table{schema: event.Schema{{Name: "k", Type: event.Of(event.String)}, {Name: "k2", Type: event.Of(event.Int)}, {Name: "at", Type: event.Of(event.Timestamp)},
		{Name: "amount", Type: event.Of(event.Double)}, {Name: "other", Type: event.Of(event.String)}, {Name: "ref", Type: event.Of(event.String)}}}
	if d.open { // rows are acts
		t.schema = append(t.schema, event.Schema{{Name: "seq", Type: event.Of(event.Int)}, {Name: "n", Type: event.Of(event.Int)}, {Name: "x", Type: event.Of(event.Double)},
			{Name: "d", Type: event.DecimalOf(4, 2)}, {Name: "s", Type: event.Of(event.String)}, {Name: "b", Type: event.Of(event.Bool)}}...)
	}
	for range n {
		var at value = one(d, d.instants...)
		if d.IntN(4) == 0 {
			at = d.time()
		}
		row := []value{one(d, d.key(), "unknown"), one[value](d, int64(1), int64(2), nil), at, d.double(),
			d.key(), one[value](d, "i1", "i2", "i3", nil)}
		if d.open {
			row = append(row, one[value](d, int64(1), int64(2), nil), d.int(), d.double(), d.decimal(), d.text(), d.bool())
		}
		t.rows = append(t.rows, row)
	}
	return t
}

var randomLengths = []string{"1us", "2us", "1s", "1m", "1h", "1d", "36500d"}

func (d *dice) window() string {
	length, offset, bounds := one(d, randomLengths...), one(d, randomLengths...), one(d, "[)", "[)", "[]", "(]", "()")
	ending := bounds
	if d.open {
		ending = bounds[:1] + ")"
	}
	switch d.IntN(8) {
	case 0:
		return "lifetime"
	case 1:
		return fmt.Sprintf("{lifetime: true, offset: %s, bounds: %q}", offset, bounds)
	case 2, 3:
		return fmt.Sprintf("{rows: %d, bounds: %q}", 1+d.IntN(4), ending)
	case 4:
		return fmt.Sprintf("{length: %s, offset: %s, bounds: %q}", length, offset, bounds)
	}
	return fmt.Sprintf("{length: %s, bounds: %q}", length, ending)
}

var randomArguments = map[string][]string{
	"numbers": {"n", "x", "d", "n * 2", "x + 0.1", "d * d", "case when b then x else n end", "coalesce(x, d)", "n % 3", "x / n", "abs(d)"},
	"values":  {"n", "x", "d", "s", "b", "at", "upper(s)", "length(s)", "s || '!'", "x > 1", "seq"},
}

// aggregate draws an aggregate over random arguments.
func (d *dice) aggregate() string {
	number, any := one(d, randomArguments["numbers"]...), one(d, randomArguments["values"]...)
	n := 1 + d.IntN(4)
	var call string
	switch d.IntN(13) {
	case 8:
		call = fmt.Sprintf("%s(%s, %s)", one(d, "corr", "covar_samp", "covar_pop"), number, one(d, randomArguments["numbers"]...))
	case 9:
		call = one(d, fmt.Sprintf("mode(%s)", any), fmt.Sprintf("entropy(%s)", any), fmt.Sprintf("top_k_frequent(%s, %d)", any, n), fmt.Sprintf("histogram(%s)", d.countable()))
	case 10:
		call = one(d, fmt.Sprintf("%s(%s, %s)", one(d, "arg_min", "arg_max"), any, one(d, randomArguments["values"]...)), fmt.Sprintf("arg_max(%s, %s) respect nulls", any, number),
			fmt.Sprintf("arg_min(row(%s as f, b as g), %s)", any, number))
	case 11:
		call = one(d, "bool_and(b)", "bool_or(b)", "bool_and(n > 1)", fmt.Sprintf("distinct_last(%s, %d)", any, n))
	case 0:
		call = one(d, "count(*)", fmt.Sprintf("count(%s)", any), fmt.Sprintf("count(distinct %s)", any))
	case 1, 2:
		call = fmt.Sprintf("%s(%s)", one(d, "sum", "sum", "avg"), number)
	case 3:
		call = fmt.Sprintf("%s(%s)", one(d, "stddev", "stddev_pop", "variance", "var_pop"), number)
	case 4:
		call = fmt.Sprintf("%s(%s)", one(d, "min", "max"), any)
	case 5:
		call = one(d, fmt.Sprintf("quantile_cont(%s, %s)", number, one(d, "0", "0.1", "0.5", "0.9", "1")), fmt.Sprintf("quantile_disc(%s, %s)", any, one(d, "0", "0.25", "0.5", "1")), fmt.Sprintf("median(%s)", number))
	case 6:
		call = fmt.Sprintf("%s(%s, %d)", one(d, "top_k", "bottom_k"), any, n)
	case 7:
		call = fmt.Sprintf("%s(row(%s as f, %s as g))", one(d, "first", "last"), any, number)
	default:
		call = one(d, fmt.Sprintf("first(%s)", any), fmt.Sprintf("last(%s)", any), fmt.Sprintf("first(%s, %d)", any, n), fmt.Sprintf("last(%s, %d)", any, n), fmt.Sprintf("lag(%s, %d)", any, n))
		call += one(d, "", " respect nulls")
	}
	if d.IntN(4) == 0 {
		call += fmt.Sprintf(" filter (where %s)", one(d, "b", "n > 1", "s <> 'a'", "x is not null"))
	}
	return call
}

// countable draws an argument that may key a map.
func (d *dice) countable() string {
	return one(d, "n", "d", "s", "b", "at", "upper(s)", "seq", "n % 3")
}

func (d *dice) drawView(i int) randomView {
	v := randomView{head: fmt.Sprintf("v%d:\n    entity: %s\n    source: acts\n", i, one(d, "one", "one", "two", "all"))}
	if d.IntN(3) == 0 {
		v.head += "    where: " + one(d, "b", "n > 0 or x > 0", "s is not null") + "\n"
	}
	if d.IntN(4) == 0 {
		v.head += "    order_by: " + one(d, "seq", "[s desc, n]", "x") + "\n"
	}
	v.features = append(v.features, "n: {value: count(*), window: "+d.window()+"}", "seen: {value: last(at), window: "+d.window()+"}")
	for f := range 1 + d.IntN(6) {
		value := d.aggregate()
		more := ""
		switch d.IntN(8) {
		case 0:
			value = "sum(x) / count(*) + count(n)"
		case 1:
			more = fmt.Sprintf(", min_count: %d", 1+d.IntN(3))
		case 3, 4:
			more = fmt.Sprintf(", by: %q%s", d.countable(), one(d, "", "", ", min_count: 2"))
		case 2:
			value, more = one(d, "avg(n)", "max(x)", "count(x)"), fmt.Sprintf(", min_count: %d, default: -1", 1+d.IntN(2))
		}
		v.features = append(v.features, fmt.Sprintf("f%d: {value: %q, window: %s%s}", f, value, d.window(), more))
	}
	return v
}

// drawDerived draws a view derived from the first, which all cases have.
func (d *dice) drawDerived() randomView {
	return randomView{head: "derived:\n    request: {amount: double}\n", features: []string{
		"hours: hours_between(v0.seen, at)",
		"per: v0.n / nullif(hours, 0)",
		`over: {value: "coalesce(request.amount, v0.n) > 1", default: false}`,
		"both: v0.n + request.amount",
	}}
}
