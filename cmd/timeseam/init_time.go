package main

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/features/expr"
)

// clock is a way to compute instants from a column that spells them in its own way.
type clock struct {
	kind    event.Kind // of the column
	reads   string     // the expression, with x for the column
	example string     // 2026-01-01T10:00:00Z, spelled so
}

// clocks are the ways that are tried, the likelier first: of texts that 03.04.2026
// and the like leave open, Europe's order of day and month goes with points and
// dashes, and with slashes it comes first.
var clocks = []clock{
	{event.String, "x::timestamp", "2026-01-01T10:00:00Z"},
	{event.String, "strptime(x, '%d.%m.%Y %H:%M:%S')", "01.01.2026 10:00:00"},
	{event.String, "strptime(x, '%d.%m.%Y %H:%M:%S.%f')", "01.01.2026 10:00:00.0"},
	{event.String, "strptime(x, '%d.%m.%Y %H:%M')", "01.01.2026 10:00"},
	{event.String, "strptime(x, '%d.%m.%Y, %H:%M:%S')", "01.01.2026, 10:00:00"},
	{event.String, "strptime(x, '%d.%m.%Y')", "01.01.2026"},
	{event.String, "strptime(x, '%d/%m/%Y %H:%M:%S')", "01/01/2026 10:00:00"},
	{event.String, "strptime(x, '%m/%d/%Y %H:%M:%S')", "01/01/2026 10:00:00"},
	{event.String, "strptime(x, '%d/%m/%Y %H:%M')", "01/01/2026 10:00"},
	{event.String, "strptime(x, '%m/%d/%Y %H:%M')", "01/01/2026 10:00"},
	{event.String, "strptime(x, '%m/%d/%Y %I:%M:%S %p')", "01/01/2026 10:00:00 AM"},
	{event.String, "strptime(x, '%m/%d/%Y %I:%M %p')", "01/01/2026 10:00 AM"},
	{event.String, "strptime(x, '%d/%m/%Y')", "01/01/2026"},
	{event.String, "strptime(x, '%m/%d/%Y')", "01/01/2026"},
	{event.String, "strptime(x, '%d-%m-%Y %H:%M:%S')", "01-01-2026 10:00:00"},
	{event.String, "strptime(x, '%d-%m-%Y')", "01-01-2026"},
	{event.String, "strptime(x, '%Y/%m/%d %H:%M:%S')", "2026/01/01 10:00:00"},
	{event.String, "strptime(x, '%Y/%m/%d %H:%M')", "2026/01/01 10:00"},
	{event.String, "strptime(x, '%Y/%m/%d')", "2026/01/01"},
	{event.String, "strptime(x, '%Y%m%d%H%M%S')", "20260101100000"},
	{event.String, "strptime(x, '%d %b %Y %H:%M:%S')", "01 Jan 2026 10:00:00"},
	{event.Int, "to_timestamp(x)", "1767261600"},
	{event.Int, "to_timestamp_ms(x)", "1767261600000"},
	{event.Int, "to_timestamp_us(x)", "1767261600000000"},
}

// Instants before and after are those of numbers that mean something else.
var clockFrom, clockTo = instantOf("1990-01-01"), instantOf("2100-01-01")

func instantOf(text string) int64 {
	t, err := event.ParseTime(text)
	if err != nil {
		panic(err)
	}
	return int64(t)
}

// soundsTimely is names of times, among them of columns that need computing.
var soundsTimely = regexp.MustCompile(`(?i:time|stamp|epoch|date|datum|zeit|(^|_)(ts|at|when|day|dt|unix|created|updated)($|_|ms))|[a-z](At|Ts)$`)

// spelling is which clocks read all values of a column that were looked at, and
// whether they are numbers with commas.
type spelling struct {
	clocks []clock
	read   []*expr.Expr
	any    bool // there was a value
	commas commas
}

// columnX is the scope of a clock: the one column x.
type columnX struct{ typ event.Type }

func (s columnX) Resolve(path []string) (column int, t event.Type, used int, ok bool) {
	return 0, s.typ, 1, path[0] == "x"
}

func (s columnX) Names() []string { return []string{"x"} }

// newSpelling is the clocks of a type, none of which has failed yet.
func newSpelling(t event.Type) (s spelling, err error) {
	for _, k := range clocks {
		if k.kind != t.Kind {
			continue
		}
		n, err := expr.Parse(k.reads)
		if err != nil {
			return s, err
		}
		e, faults := expr.Compile(n, columnX{t})
		if len(faults) > 0 {
			return s, faults[0]
		}
		s.clocks, s.read = append(s.clocks, k), append(s.read, e)
	}
	return s, nil
}

// take drops the clocks that do not read all values of the column.
func (s *spelling) take(c event.Column, rows int) {
	b := event.Batch{Len: rows, Columns: []event.Column{c}}
	kept := 0
	for i, e := range s.read {
		var n event.Counts
		at := e.Eval(&b, &n)
		fits := true
		for row := range rows {
			if c.IsNull(row) {
				continue
			}
			s.any = true
			if fits = !at.IsNull(row) && at.Ints[row] >= clockFrom && at.Ints[row] < clockTo; !fits {
				break
			}
		}
		if fits {
			s.clocks[kept], s.read[kept] = s.clocks[i], s.read[i]
			kept++
		}
	}
	s.clocks, s.read = s.clocks[:kept], s.read[:kept]
	s.commas.take(c, rows)
}

// tells reports whether column i spells instants. Whole numbers are only taken for
// some where their column's name says so too: an id may be as great.
func (g *guess) tells(i int) bool {
	s := g.spelled[i]
	return s.any && len(s.clocks) > 0 && (g.schema[i].Type.Kind == event.String || soundsTimely.MatchString(g.schema[i].Name))
}

// computeTime finds the column that instants can be computed from, if there is one.
func (g *guess) computeTime() {
	g.spells = g.best(func(i int, f event.Field) int {
		if !g.tells(i) {
			return 0
		}
		return 1 + 2*matches(timeNames, f.Name) + matches(soundsTimely, f.Name)
	})
	if g.spells == "" {
		return
	}
	for g.time = plainName(g.spells) + "_time"; g.schema.Index(g.time) >= 0; {
		g.time += "_"
	}
}

// timeField is the field that computes the instants: a line of the definition.
func (g *guess) timeField() string {
	if g.spells == "" {
		return ""
	}
	read := g.spelled[g.schema.Index(g.spells)].clocks
	doubt := "whether its times are UTC"
	if len(read) > 1 {
		doubt = fmt.Sprintf("%s reads all rows looked at too", over(read[1].reads, g.spells))
	}
	return fmt.Sprintf("      %s: {type: timestamp, history: %s}   # ? %s\n", g.time, yamlText(over(read[0].reads, g.spells)), doubt)
}

var overX = regexp.MustCompile(`\bx\b`)

// over is an expression over x with a column in its place.
func over(x, column string) string {
	return overX.ReplaceAllLiteralString(x, inExpression(column))
}

// timeCase is the time of the case's event as its source has it, and the hour that
// it tells: 10 o'clock, or none where there are only days.
func (g *guess) timeCase() (field, hour string) {
	if g.spells == "" {
		return quoted(g.time) + ": 2026-01-01T10:00:00Z", "10"
	}
	k := g.spelled[g.schema.Index(g.spells)].clocks[0]
	hour = "10"
	if strings.HasPrefix(k.reads, "strptime") && !strings.Contains(k.reads, "%H") && !strings.Contains(k.reads, "%I") {
		hour = "00"
	}
	if k.kind == event.String {
		return quoted(g.spells) + ": '" + k.example + "'", hour
	}
	return quoted(g.spells) + ": " + k.example, hour
}

// trainingSet is the file as its own spine. That needs a stored column of instants:
// without one it stands there as a comment.
func (g *guess) trainingSet() string {
	if g.spells == "" {
		return fmt.Sprintf(`training_sets:
  first:                    # ? each row of the file is a question; a file of questions with labels may take its place
    service: all
    spine: %s
    # label: ...            # ? the column of the spine that is to be learned
    visibility: {known: event_time}
`, g.spine())
	}
	return fmt.Sprintf(`# ? A spine's event_timestamp must be a stored column of type timestamp, and %s is computed:
# name a file of questions that has one.
# training_sets:
#   first:
#     service: all
#     spine: {%s: ..., event_timestamp: ...}
#     visibility: {known: event_time}
`, g.time, cmp.Or(g.file.Format, "parquet"))
}

// commands is what to do with the project next.
func (g *guess) commands() []string {
	next := []string{"validate features.yaml", "test features.yaml"}
	if g.spells == "" {
		next = append(next, "backfill features.yaml -o training.parquet")
	}
	return next
}
