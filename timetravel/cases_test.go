package timetravel_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
)

// outsideCase is a case of fixtures/cases, whose answers others have given; the
// form is described in FORMAT.md there.
type outsideCase struct {
	ID     string `json:"id"`
	Source string `json:"source"`
	Tables map[string]struct {
		File string `json:"file"`
	} `json:"tables"`
	Op     caseOp     `json:"op"`
	Expect caseExpect `json:"expect"`

	dir string
}

type caseExpect struct {
	File   string  `json:"file"`
	ByRow  bool    `json:"by_row"`
	Subset bool    `json:"subset"`
	Rtol   float64 `json:"rtol"`
	Atol   float64 `json:"atol"`
}

type caseOp struct {
	Kind     string `json:"kind"`
	Unit     string `json:"unit"`
	NullKeys string `json:"null_keys"`

	// Of an as-of join.
	Left       string          `json:"left"`
	Right      string          `json:"right"`
	LeftTime   string          `json:"left_time"`
	RightTime  string          `json:"right_time"`
	Direction  string          `json:"direction"`
	AllowExact bool            `json:"allow_exact"`
	Ties       string          `json:"ties"`
	TiesBy     string          `json:"ties_by"`
	How        string          `json:"how"`
	Tolerance  *caseTolerance  `json:"tolerance"`
	Keys       json.RawMessage `json:"keys"`
	Output     []caseOutput    `json:"output"`

	// Of windows.
	Spine    string                `json:"spine"`
	Time     string                `json:"time"`
	Windows  map[string]caseWindow `json:"windows"`
	Features []caseFeature         `json:"features"`
}

type caseTolerance struct {
	Value     int64 `json:"value"`
	Inclusive bool  `json:"inclusive"`
}

type caseOutput struct {
	Name string `json:"name"`
	From string `json:"from"`
	Col  string `json:"col"`
}

type caseWindow struct {
	Events []struct {
		Table string   `json:"table"`
		Time  string   `json:"time"`
		Keys  []string `json:"keys"`
	} `json:"events"`
	Frame string  `json:"frame"`
	Lower caseEnd `json:"lower"`
	Upper caseEnd `json:"upper"`
	Peers string  `json:"peers"`
}

type caseEnd struct {
	Offset any  `json:"offset"` // a number, or "unbounded"
	Closed bool `json:"closed"`
}

type caseFeature struct {
	Name    string         `json:"name"`
	Agg     string         `json:"agg"`
	Col     string         `json:"col"`
	Window  string         `json:"window"`
	Args    map[string]any `json:"args"`
	SkipNaN bool           `json:"skipnan"`
	Where   *struct {
		Col   string `json:"col"`
		Op    string `json:"op"`
		Value string `json:"value"`
	} `json:"where"`
}

// TestCases takes every outside case that the language can say through the naive
// evaluator and the drivers; LEFT_OUT.md must name the others, each with the
// reason found here.
func TestCases(t *testing.T) {
	files, err := filepath.Glob("../fixtures/cases/*/*/case.json")
	if err != nil || len(files) != 81 {
		t.Fatalf("%d cases, want 81: %v", len(files), err)
	}
	leftOut := map[string]string{}
	for _, file := range files {
		c := readCase(t, file)
		tables := c.tables(t)
		text, why := caseDefinition(c, tables)
		if why != "" {
			leftOut[c.Source+"/"+c.ID] = why
			continue
		}
		t.Run(c.Source+"/"+c.ID, func(t *testing.T) { c.check(t, text, tables) })
	}
	checkLeftOut(t, leftOut)
}

// checkLeftOut holds LEFT_OUT.md to the cases that are left out.
func checkLeftOut(t *testing.T, leftOut map[string]string) {
	var b strings.Builder
	b.WriteString("# Cases that the language can not say\n\nTimetravel's tests read this list: a case that is left out must stand here with its reason, and no other.\n\n| case | reason |\n|---|---|\n")
	for _, id := range sortedKeys(leftOut) {
		fmt.Fprintf(&b, "| %s | %s |\n", id, leftOut[id])
	}
	const path = "../fixtures/cases/LEFT_OUT.md"
	if *rewrite {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != b.String() {
		t.Errorf("%s (%v) is not the list of cases left out, which is\n%s", path, err, b.String())
	}
}

func readCase(t *testing.T, file string) *outsideCase {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	c := &outsideCase{dir: filepath.Dir(file)}
	if err := json.Unmarshal(text, c); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return c
}

func (c *outsideCase) tables(t *testing.T) map[string]table {
	tables := map[string]table{}
	for name, f := range c.Tables {
		var err error
		if tables[name], err = readParquet(filepath.Join(c.dir, f.File)); err != nil {
			t.Fatal(err)
		}
	}
	return tables
}

// check answers a case and compares with what others answered.
func (c *outsideCase) check(t *testing.T, text string, tables map[string]table) {
	d, err := features.Load(c.ID+".yaml", []byte(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	spine := tables[c.Op.Spine+c.Op.Left]
	s := &spec{name: c.ID, dir: c.dir, text: text, definition: d, set: "answers", sources: tables, spine: spine}
	rows := sampleRows(len(spine.rows), sampled)
	naive := naiveAnswers(d, s.set, tables, spine, rows...)
	c.compare(t, "the naive evaluator", naive, rows, s)
	ways := driversOf(s.name)
	if len(spine.rows) > 10_000 {
		ways = ways[:min(1, len(ways))] // The large ones are specs too, where every driver answers.
	}
	for _, driver := range ways {
		got := driver.answer(t, s)
		if len(got.rows) != len(spine.rows) {
			t.Errorf("%s answers %d of %d spine rows", driver.name, len(got.rows), len(spine.rows))
			continue
		}
		if report := differences(s, pickRows(got, rows), naive, nil); report != "" {
			t.Errorf("%s and the naive evaluator:\n%s\n%s", driver.name, report, text)
		}
		every := naive
		every.rows = got.rows
		c.compare(t, driver.name, every, nil, s)
	}
}

// compare holds answers to the expected rows, found by the spine's __row. asked
// are the spine rows that were answered; nil: all.
func (c *outsideCase) compare(t *testing.T, who string, a answers, asked []int, s *spec) {
	t.Helper()
	expected, err := readParquet(filepath.Join(c.dir, c.Expect.File))
	if err != nil {
		t.Fatal(err)
	}
	byRow := map[value][]value{}
	number := expected.schema.Index("__row")
	for _, row := range expected.rows {
		byRow[row[number]] = row
	}
	wrong := 0
	for i, got := range a.rows {
		at := i
		if asked != nil {
			at = asked[i]
		}
		want, ok := byRow[s.spine.rows[at][s.spine.schema.Index("__row")]]
		if !ok {
			if !c.Expect.Subset {
				t.Errorf("%s: no expected row for row %d of the spine", who, at)
			}
			continue // Lost by the source; that it is answered is enough.
		}
		untimed := s.spine.rows[at][s.spine.schema.Index(c.Op.Time+c.Op.LeftTime)] == nil
		for f, name := range c.answered() {
			x, y := got[f], want[expected.schema.Index(name)]
			if untimed {
				y = nil // A question without a time has no features; elsewhere it counts as an empty window.
			}
			if !c.close(x, y) {
				if wrong++; wrong <= 10 {
					t.Errorf("%s: row %d %s: %s = %v, want %v", who, at, identities(s.spine.rows[at]), name, x, y)
				}
			}
		}
	}
	if wrong > 0 {
		t.Errorf("%s: %d values differ of\n%s", who, wrong, s.text)
	}
}

// answered is the expected column of each feature of the service.
func (c *outsideCase) answered() []string {
	var names []string
	for _, f := range c.Op.Features {
		names = append(names, f.Name)
	}
	for _, o := range c.Op.Output {
		if o.From == "right" {
			names = append(names, o.Name)
		}
	}
	return names
}

// close compares across kinds of numbers, as others count in doubles, and takes
// null for an empty list, which is what an empty window gives here.
func (c *outsideCase) close(x, y value) bool {
	if ys, ok := y.(list); ok && len(ys) == 0 {
		return x == nil
	}
	if at, ok := x.(event.Time); ok && number(y) {
		x = int64(at) // Some expected instants are bare microseconds.
	}
	if xs, ok := x.(list); ok {
		ys, ok := y.(list)
		return ok && slices.EqualFunc(xs, ys, c.close)
	}
	if x != nil && y != nil && number(x) && number(y) {
		return compare(x, y) == 0 || near(double(x), double(y), c.Expect.Rtol, c.Expect.Atol)
	}
	return same(x, y)
}

// caseDefinition says a case in the language, or why it can not be said.
func caseDefinition(c *outsideCase, tables map[string]table) (text, why string) {
	if c.Op.Unit != "" && c.Op.Unit != "us" {
		return "", "its times are finer than a microsecond"
	}
	if c.Op.Kind == "asof" {
		return asofDefinition(c, tables)
	}
	return windowDefinition(c, tables)
}

func asofDefinition(c *outsideCase, tables map[string]table) (text, why string) {
	op := &c.Op
	var pairs [][2]string
	if err := json.Unmarshal(op.Keys, &pairs); err != nil {
		return "", err.Error()
	}
	var keys []string
	for _, p := range pairs {
		if p[0] != p[1] {
			return "", "its keys have two names"
		}
		keys = append(keys, p[0])
	}
	left, right := tables[op.Left], tables[op.Right]
	switch {
	case op.Direction != "backward":
		return "", op.Direction + " joins look into the future"
	case op.How != "left":
		return "", "an inner join drops questions"
	case op.NullKeys == "match" && nullKey(left, keys) && nullKey(right, keys):
		return "", "null keys match null keys"
	case floatKey(left, keys):
		return "", "a key is a floating-point number"
	}
	order := []string{op.TiesBy, "__row"}
	if op.TiesBy == "" {
		order = order[1:]
	}
	if op.Ties == "first" {
		for i := range order {
			order[i] += " desc"
		}
	}
	var values []string
	for _, o := range op.Output {
		if o.From == "right" {
			values = append(values, o.Col)
		}
	}
	if op.AllowExact && (op.Tolerance == nil || op.Tolerance.Inclusive) {
		return versionsDefinition(c, right, keys, order, values), ""
	}
	return eventsDefinition(c, right, keys, order, values), ""
}

// versionsDefinition is a join in which an equal time matches: a dimension.
func versionsDefinition(c *outsideCase, right table, keys, order, values []string) string {
	var b strings.Builder
	writeSource(&b, c.Op.Right, right, fmt.Sprintf("dimension: {mode: versions, valid_from: %s}", quoteJSON(c.Op.RightTime)), order)
	writeView(&b, c.Op.Right, keys)
	if c.Op.Tolerance != nil {
		fmt.Fprintf(&b, "    ttl: %dus\n", c.Op.Tolerance.Value)
	}
	b.WriteString("    features:\n")
	for i, v := range values {
		fmt.Fprintf(&b, "      f%d: %s\n", i, quoteJSON(quoteName(v)))
	}
	writeSet(&b, c.Op.LeftTime)
	return b.String()
}

// eventsDefinition is a join in which an equal time is no match, or the end of
// the tolerance is none: the last event of a window, whole.
func eventsDefinition(c *outsideCase, right table, keys, order, values []string) string {
	op := &c.Op
	bounds := []byte("[)")
	if op.AllowExact {
		bounds[1] = ']'
	}
	window := "{lifetime: true, bounds: %q}"
	if op.Tolerance != nil {
		if !op.Tolerance.Inclusive {
			bounds[0] = '('
		}
		window = fmt.Sprintf("{length: %dus, bounds: %%q}", op.Tolerance.Value)
	}
	var names []string
	for i, v := range values {
		names = append(names, fmt.Sprintf("%s as f%d", quoteName(v), i))
	}
	var b strings.Builder
	writeSource(&b, op.Right, right, "event_timestamp: "+quoteJSON(op.RightTime), order)
	writeView(&b, op.Right, keys)
	fmt.Fprintf(&b, "    window: "+window+"\n    features:\n", bounds)
	for i := range values {
		fmt.Fprintf(&b, "      f%d: %s\n", i, quoteJSON(fmt.Sprintf("last(row(%s)).f%d", strings.Join(names, ", "), i)))
	}
	writeSet(&b, op.LeftTime)
	return b.String()
}

func windowDefinition(c *outsideCase, tables map[string]table) (text, why string) {
	op := &c.Op
	var keys []string
	if err := json.Unmarshal(op.Keys, &keys); err != nil {
		return "", err.Error()
	}
	spine := tables[op.Spine]
	source, at := "", ""
	for _, w := range op.Windows {
		if len(w.Events) != 1 || w.Frame != "range" || !slices.Equal(w.Events[0].Keys, keys) {
			return "", "it unites several tables"
		}
		source, at = w.Events[0].Table, w.Events[0].Time
		events := tables[source]
		switch {
		case op.NullKeys == "match" && nullKey(spine, keys) && nullKey(events, keys):
			return "", "null keys match null keys"
		case w.Peers == "arrival" && source == op.Spine && w.Upper.Closed && equalTimes(spine, at, keys):
			return "", "of rows of one time each sees those that arrived before it"
		}
	}
	var b strings.Builder
	writeSource(&b, source, tables[source], "event_timestamp: "+quoteJSON(at), []string{"__row"})
	writeView(&b, source, keys)
	b.WriteString("    features:\n")
	for i, f := range op.Features {
		minCount := ""
		if n, ok := f.Args["min_count"]; ok {
			minCount = fmt.Sprintf(", min_count: %v", n)
		}
		fmt.Fprintf(&b, "      f%d: {value: %s, window: %s%s}\n", i, quoteJSON(caseAggregate(f, tables[source].schema)), caseFrame(op.Windows[f.Window]), minCount)
	}
	writeSet(&b, op.Time)
	return b.String(), ""
}

// caseFrame is a frame as a window of the language. Bounds count whole
// microseconds, so that the one instant t is (t-1us, t], and (t-1us, t) is empty
// as is every frame that ends before it begins.
func caseFrame(w caseWindow) string {
	upper := int64(w.Upper.Offset.(float64))
	bounds := []byte("()")
	if w.Lower.Closed {
		bounds[0] = '['
	}
	if w.Upper.Closed {
		bounds[1] = ']'
	}
	frame := "lifetime: true"
	if lower, ok := w.Lower.Offset.(float64); ok {
		length := int64(lower) - upper
		if length <= 0 {
			onlyInstant := length == 0 && w.Lower.Closed && w.Upper.Closed
			length, bounds = 1, []byte("()")
			if onlyInstant {
				bounds[1] = ']'
			}
		}
		frame = fmt.Sprintf("length: %dus", length)
	}
	if upper > 0 {
		frame += fmt.Sprintf(", offset: %dus", upper)
	}
	return fmt.Sprintf("{%s, bounds: %q}", frame, bounds)
}

var caseAggregates = map[string]string{
	"count_rows": "count(*)", "count": "count(X)", "sum": "sum(X)", "avg": "avg(X)", "min": "min(X)", "max": "max(X)",
	"stddev_pop": "stddev_pop(X)", "stddev_samp": "stddev_samp(X)", "var_pop": "var_pop(X)", "var_samp": "var_samp(X)",
	"distinct_count": "count(distinct X)", "median": "median(X)",
	"first": "first(X) respect nulls", "last": "last(X) respect nulls", "first_nonnull": "first(X)", "last_nonnull": "last(X)",
	"last_n": "last(X, n)", "top_n": "top_k(X, n)", "bottom_n": "bottom_k(X, n)",
	"percentile_cont": "quantile_cont(X, p)", "percentile_disc": "quantile_disc(X, p)",
}

func caseAggregate(f caseFeature, columns event.Schema) string {
	call, ok := caseAggregates[f.Agg]
	if !ok {
		panic("no translation of " + f.Agg)
	}
	x := ""
	if f.Col != "" {
		x = quoteName(f.Col)
		if f.SkipNaN && columns[columns.Index(f.Col)].Type.Kind == event.Double {
			x = fmt.Sprintf("case when isnan(%s) then null else %s end", x, x)
		}
	}
	call = strings.Replace(call, "X", x, 1)
	for _, name := range []string{"n", "p"} {
		if v, ok := f.Args[name]; ok {
			call = strings.Replace(call, ", "+name+")", fmt.Sprintf(", %v)", v), 1)
		}
	}
	if f.Where != nil {
		call += fmt.Sprintf(" filter (where %s %s '%s')", quoteName(f.Where.Col), f.Where.Op, f.Where.Value)
	}
	return call
}

func quoteName(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

func writeSource(b *strings.Builder, name string, t table, role string, order []string) {
	fmt.Fprintf(b, "version: 1\nname: outside_case\nsources:\n  %s:\n    history: {parquet: %s.parquet}\n    fields:\n", name, name)
	for _, f := range t.schema {
		fmt.Fprintf(b, "      %s: %s\n", quoteJSON(f.Name), quoteJSON(f.Type.String()))
	}
	fmt.Fprintf(b, "    %s\n    order_by: [", role)
	for i, o := range order {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(quoteJSON(o))
	}
	b.WriteString("]\n")
}

func writeView(b *strings.Builder, source string, keys []string) {
	quoted := make([]string, len(keys))
	for i, k := range keys {
		quoted[i] = quoteJSON(k)
	}
	fmt.Fprintf(b, "entities:\n  asked: [%s]\nfeature_views:\n  w:\n    entity: asked\n    source: %s\n", strings.Join(quoted, ", "), source)
}

func writeSet(b *strings.Builder, at string) {
	fmt.Fprintf(b, "feature_services:\n  all: {features: [w]}\ntraining_sets:\n  answers:\n    service: all\n    spine: {parquet: spine.parquet, event_timestamp: %s}\n    visibility: {known: event_time}\n", quoteJSON(at))
}

func nullKey(t table, keys []string) bool {
	return slices.ContainsFunc(t.rows, func(row []value) bool {
		return slices.ContainsFunc(keys, func(k string) bool { return row[t.schema.Index(k)] == nil })
	})
}

func floatKey(t table, keys []string) bool {
	return slices.ContainsFunc(keys, func(k string) bool { return t.schema[t.schema.Index(k)].Type.Kind == event.Double })
}

// equalTimes reports whether two rows share time and key.
func equalTimes(t table, at string, keys []string) bool {
	seen := map[string]bool{}
	for _, row := range t.rows {
		parts := []value{row[t.schema.Index(at)]}
		for _, k := range keys {
			parts = append(parts, row[t.schema.Index(k)])
		}
		id := identities(parts)
		if parts[0] != nil && seen[id] {
			return true
		}
		seen[id] = true
	}
	return false
}
