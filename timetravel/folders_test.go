package timetravel_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/sources"
	"github.com/timeseam/timeseam/timetravel"
)

// cutting is a way to lay rows into folders by a time: for each key, how its value
// is written.
type cutting struct {
	keys, forms []string
	arrival     bool
}

var cuttings = []cutting{
	{keys: []string{"dt"}, forms: []string{"2006-01-02"}},
	{keys: []string{"dt", "hour"}, forms: []string{"2006-01-02", "15"}},
	{keys: []string{"year", "month", "day"}, forms: []string{"2006", "1", "02"}},
	{keys: []string{"stamp"}, forms: []string{"2006-01-02-15-04"}},
	{keys: []string{"dt"}, forms: []string{"20060102"}, arrival: true},
	{keys: []string{"dt", "hour"}, forms: []string{"2006-01-02", "15"}, arrival: true},
}

// TestFolders holds that folders which no question can reach may be left unread:
// every spec, and random cases, in every layout, have the values of the naive
// evaluator, which knows of no folders.
func TestFolders(t *testing.T) {
	pruned, files := 0, 0
	for _, dir := range specFolders(t) {
		s := readSpec(t, dir)
		if s.large() {
			continue
		}
		for i, l := range cuttings {
			if i%3 != len(s.name)%3 {
				continue
			}
			few := *s
			few.spine.rows = few.spine.rows[i%len(few.spine.rows):][:1] // one question reaches less than all
			both := []*spec{s, &few}
			if setOf(s.definition, s.set).Spine.Source.Given() {
				both = both[:1] // its questions are the source's events, all of them
			}
			for _, s := range both {
				p, n := s.heldInFolders(t, l)
				pruned, files = pruned+p, files+n
			}
		}
	}
	for seed := uint64(1); seed <= randomUsual/5; seed++ {
		c := newRandomCase(seed)
		if seed%4 > 0 {
			c.spine.rows = c.spine.rows[:1]
		}
		l := cuttings[seed%uint64(len(cuttings))]
		if l.arrival {
			c.events.arriveBy(seed)
		}
		s := c.spec(t)
		s.name, s.plans = fmt.Sprintf("random %d", seed), nil // the definition will say folders
		p, n := s.heldInFolders(t, l)
		pruned, files = pruned+p, files+n
	}
	t.Logf("%d of %d files were left unread", pruned, files)
	if pruned < files/20 {
		t.Errorf("%d of %d files were left unread: too few to prove anything", pruned, files)
	}
}

// arriveBy has every event arrive, at most two days after it happened, so that a
// lateness can be declared that leaves something unread.
func (t table) arriveBy(seed uint64) {
	own, at := t.schema.Index("at"), t.schema.Index("came")
	for i, row := range t.rows {
		if row[own] != nil {
			row[at] = row[own].(event.Time).Later(int64(i+int(seed)) % 3 * microsOfDay)
		}
	}
}

// heldInFolders holds a spec's values, its sources lying in folders, to those of
// the naive evaluator.
func (s *spec) heldInFolders(t *testing.T, l cutting) (pruned, files int) {
	want, rows := naiveAnswers(s.definition, s.set, s.sources, s.spine), naiveKept(s.definition, s.set, s.sources, s.spine)
	tables := map[string]*sources.Table{}
	own := slices.Clone(s.definition.Sources)
	defer func() { copy(s.definition.Sources, own) }()
	for i := range s.definition.Sources {
		if table := s.inFolders(t, &s.definition.Sources[i], l); table != nil {
			tables[s.definition.Sources[i].Name.Value] = table
		}
	}
	for _, complete := range []map[string]event.Time{nil, s.ends()} {
		p, out := s.plan(t), &kept{}
		b := &timetravel.Backfill{Plan: p, Visibility: s.visibility(), Workers: 2, Sink: out, Complete: complete,
			History: func(in features.Input, reach event.Span) ([]event.Source, error) {
				table := tables[in.Source.Name.Value]
				if table == nil {
					return []event.Source{&inMemory{in.Columns, s.sources[in.Source.Name.Value].columns(in.Columns, 0), 100}}, nil
				}
				some := table.Within(in.Source.Fetched(reach))
				pruned, files = pruned+len(table.Files)-len(some.Files), files+len(table.Files)
				return some.Parts(columnNames(in.Columns), 2)
			},
			Spine: func() (event.Source, error) {
				return &inMemory{p.Queries.Read(), s.asked(p.Queries.Read()), 100}, nil
			},
			Content: func() (event.Source, error) {
				return &inMemory{p.Queries.Content, s.asked(p.Queries.Content), 100}, nil
			}}
		if _, err := b.Run(context.Background()); err != nil {
			t.Fatalf("%s by %v: %v", s.name, l.keys, err)
		}
		if report := differences(s, answersOf(p, s.checkOwn(t, p.Queries.Own, out.rows, true)), want, rows); report != "" {
			t.Errorf("%s by %v, complete %v:\n%s", s.name, l.keys, complete, report)
		}
	}
	return pruned, files
}

// ends is up to when the naive evaluator holds labels for known, by source: said
// instead of being found, nothing may change.
func (s *spec) ends() map[string]event.Time {
	n, set := newNaive(s.definition, s.set, s.sources, s.spine)
	ends := map[string]event.Time{}
	for i := range set.EventLabels {
		l := n.label(&set.EventLabels[i])
		if end, other := ends[set.EventLabels[i].Source.Value]; other && end != l.end {
			return nil
		}
		ends[set.EventLabels[i].Source.Value] = l.end
	}
	return ends
}

// inFolders writes a source's rows into folders by its time, declares that, and
// opens them; nil where the rows do not say that time themselves, or a lateness
// would not hold.
func (s *spec) inFolders(t *testing.T, src *features.Source, l cutting) *sources.Table {
	field, rows := src.Time(), s.sources[src.Name.Value]
	src.PartitionedBy, src.Lateness = nil, features.Text{}
	if d := src.Dimension; d != nil && (l.arrival || d.LandsAfter.Given()) {
		return nil
	}
	own := rows.schema.Index(field)
	if l.arrival {
		field = src.Arrival.Value
	}
	at := rows.schema.Index(field)
	if at < 0 || own < 0 || !plain(src, field) || !plain(src, src.Time()) || rows.schema[at].Type.Kind != event.Timestamp || rows.schema[own].Type.Kind != event.Timestamp {
		return nil
	}
	if l.arrival {
		late, ok := rows.lateness(own, at)
		if !ok {
			return nil
		}
		src.Lateness = features.Text{Pos: features.Pos{Line: 1}, Value: fmt.Sprintf("%dus", max(late, 1))}
	}
	for _, k := range l.keys {
		if rows.schema.Index(k) >= 0 {
			return nil
		}
		src.PartitionedBy = append(src.PartitionedBy, features.Partitioned{Key: features.Text{Pos: features.Pos{Line: 1}, Value: k}, Field: features.Text{Pos: features.Pos{Line: 1}, Value: field}})
	}
	table := rows.folders(t, at, l)
	if table == nil || table.Partition(l.keys) != nil {
		src.PartitionedBy, src.Lateness = nil, features.Text{}
		return nil
	}
	return table
}

// plain reports whether a field is a column of the history as it stands there.
func plain(src *features.Source, field string) bool {
	for _, f := range src.Fields {
		if f.Name.Value == field && f.History.Given() {
			return false
		}
	}
	return true
}

// lateness is how far arrivals are from times at most; ok is false where it is
// beyond what a definition may say, or an event has no arrival.
func (t table) lateness(own, at int) (late int64, ok bool) {
	for _, row := range t.rows {
		if row[own] == nil {
			continue
		}
		if row[at] == nil {
			return 0, false
		}
		a, b := int64(row[own].(event.Time)), int64(row[at].(event.Time))
		late = max(late, max(a, b)-min(a, b))
	}
	return late, late < int64(36500*24*time.Hour/time.Microsecond)
}

// folders writes rows into files of CSV by a time, and opens them. Rows without it
// lie in the folder of null, and those of years that no folder can say beside all
// folders.
func (t table) folders(tb testing.TB, at int, l cutting) *sources.Table {
	tb.Helper()
	dir, b := tb.TempDir(), t.batch()
	texts := map[string]*strings.Builder{}
	for i, row := range t.rows {
		for _, v := range row {
			if far, is := v.(event.Time); is && (time.UnixMicro(int64(far)).UTC().Year() > 9999 || time.UnixMicro(int64(far)).UTC().Year() < 0) {
				return nil // sources.Text writes it for people
			}
		}
		folder := t.folder(row[at], l)
		text := texts[folder]
		if text == nil {
			text = new(strings.Builder)
			texts[folder] = text
			csvRow(text, len(t.schema), func(c int) (string, bool) { return t.schema[c].Name, true })
		}
		csvRow(text, len(t.schema), func(c int) (string, bool) {
			return sources.Text(&b.Columns[c], i), !b.Columns[c].IsNull(i)
		})
	}
	for folder, text := range texts {
		path := filepath.Join(dir, filepath.FromSlash(folder))
		if err := os.MkdirAll(path, 0o777); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(path, "a.csv"), []byte(text.String()), 0o666); err != nil {
			tb.Fatal(err)
		}
	}
	if len(texts) == 0 {
		return nil
	}
	found, err := sources.FindText(dir, sources.Dialect{Fields: t.schema})
	if err != nil {
		tb.Fatal(err)
	}
	return found
}

func (t table) folder(at value, l cutting) string {
	var parts []string
	for i, key := range l.keys {
		if at == nil {
			parts = append(parts, key+"=__HIVE_DEFAULT_PARTITION__")
			continue
		}
		clock := time.UnixMicro(int64(at.(event.Time))).UTC()
		if clock.Year() < 1 || clock.Year() > 9998 {
			return "."
		}
		parts = append(parts, key+"="+clock.Format(l.forms[i]))
	}
	return strings.Join(parts, "/")
}
