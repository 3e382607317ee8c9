package sources

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/timeseam/timeseam/features/event"
)

// Table is the files that one path names. It holds no file open.
type Table struct {
	Path  string
	Files []File // sorted by path

	text    *textual // nil: of Parquet files
	marks   []found  // what writers left in partitions
	span    spanning // which keys of folders bound the rows' times
	columns []column
	places  map[string]int // of each name in columns
	readers sync.Pool      // of sets of pageReaders: their memory goes from part to part
	windows sync.Pool      // of the memory of windows, likewise
	window  int64          // how long those are; 0: windowSize
}

// column is one column of the union of all files.
type column struct {
	name string
	typ  event.Type
	from int    // the file that gave it its type
	hive bool   // its values stand in the paths
	deep bool   // a field of a struct
	time bool   // of day
	why  string // why it cannot be read, to follow "column x "; empty: it can
}

// MissingColumn is a column that was asked for and that no file of a table has.
type MissingColumn struct {
	Path, Column string
	Nearest      string // what may have been meant; empty: nothing is close
}

// Error names the column, the table and the mend.
func (e *MissingColumn) Error() string {
	if e.Nearest == "" {
		return fmt.Sprintf("no file of %s has a column %s", e.Path, e.Column)
	}
	return fmt.Sprintf("no file of %s has a column %s; did you mean %s?", e.Path, e.Column, e.Nearest)
}

// UnreadableColumn is a column that is there, in a type that cannot be read.
type UnreadableColumn struct {
	Path, Column string
	Problem      string // follows "column x "
}

// Error names the table and the column.
func (e *UnreadableColumn) Error() string {
	return fmt.Sprintf("%s: column %s %s", e.Path, e.Column, e.Problem)
}

// Find opens a table of Parquet, by the rules of the function of that name.
func (f Finder) Find(ctx context.Context, path string) (*Table, error) {
	at, marks, err := f.listed(ctx, parquetEndings, path)
	if err != nil {
		return nil, err
	}
	t := &Table{Path: path, window: f.window, Files: make([]File, len(at)), places: map[string]int{}, marks: marks}
	if err := t.open(at, func(at found) (*File, error) { return openFile(ctx, at) }); err != nil {
		return nil, err
	}
	for i := range t.Files {
		t.merge(i)
	}
	t.mergeFields()
	return t, t.mergeHive(nil)
}

// open opens all files by open, some at a time. The error is that of the first
// file that has one.
func (t *Table) open(at []found, open func(found) (*File, error)) error {
	failed := make([]error, len(at))
	var wg sync.WaitGroup
	turn := make(chan struct{}, 2*runtime.GOMAXPROCS(0)) // Half of them wait for the disk.
	for i := range at {
		wg.Add(1)
		turn <- struct{}{}
		go func() {
			defer func() { <-turn; wg.Done() }()
			f, err := open(at[i])
			if failed[i] = err; err == nil {
				t.Files[i] = *f
			}
		}()
	}
	wg.Wait()
	for _, err := range failed {
		if err != nil {
			return err
		}
	}
	return nil
}

// merge adds the columns of file i to the union.
func (t *Table) merge(i int) {
	f := &t.Files[i]
	for k, name := range f.names {
		l := &f.leaves[k]
		at, known := t.places[name]
		if !known {
			t.places[name] = len(t.columns)
			t.columns = append(t.columns, column{name: name, typ: l.typ, from: i, why: l.why, deep: len(l.path) > 1, time: l.timeOfDay()})
			continue
		}
		c := &t.columns[at]
		if c.why != "" {
			continue
		}
		if l.why != "" {
			c.why = l.why
			if i > 0 {
				c.why += fmt.Sprintf(" (in %s)", f.Path)
			}
			c.typ = event.Type{}
			continue
		}
		c.widen(t, i, l)
	}
}

// widen makes c hold the values of l too, if there is one type for both.
func (c *column) widen(t *Table, i int, l *leaf) {
	wide, ok := widened(c.typ, l.typ)
	if null := c.typ.Kind == event.Null || l.form == formNull; ok && !null && c.time != l.timeOfDay() {
		ok = false
	}
	switch {
	case !ok:
		c.why = fmt.Sprintf("is %s in %s and %s in %s; it must be of one type in all files", c.word(c.time), t.Files[c.from].Path, (&column{typ: l.typ}).word(l.timeOfDay()), t.Files[i].Path)
		c.typ = event.Type{}
	case c.typ.Kind == event.Null:
		c.typ, c.from, c.time = l.typ, i, l.timeOfDay()
	default:
		c.typ = wide
	}
}

// word is a column's type as people are told of it.
func (c *column) word(timeOfDay bool) string {
	if timeOfDay {
		return "a time of day"
	}
	return c.typ.String()
}

// mergeFields refuses fields of a struct that is something else in another file,
// where they would be null as if nothing had been there, and names the fields of
// structs to who asks for one.
func (t *Table) mergeFields() {
	for i := range t.columns {
		if c := &t.columns[i]; c.deep && c.why == "" {
			c.why = t.otherwise(c)
		}
	}
	for i := range t.columns {
		c := &t.columns[i]
		if l := t.Files[c.from].column(c.name); l != nil && l.parent {
			c.why += t.fieldsOf(c.name)
		}
	}
}

// otherwise says where a part of a field's path is no struct; empty: nowhere.
func (t *Table) otherwise(c *column) string {
	path := t.Files[c.from].column(c.name).path
	for i := range t.Files {
		f := &t.Files[i]
		if f.column(c.name) != nil {
			continue
		}
		for k := range path[1:] {
			name := strings.Join(path[:k+1], ".")
			if l := f.column(name); l != nil && !l.parent {
				return fmt.Sprintf("is a field of a struct in %s, and %s in %s is none", t.Files[c.from].Path, name, f.Path)
			}
		}
	}
	return ""
}

// fieldsTold is how many fields of a struct are named.
const fieldsTold = 3

// fieldsOf names fields of a struct that can be read.
func (t *Table) fieldsOf(name string) string {
	var fields []string
	for i := range t.columns {
		if c := &t.columns[i]; c.deep && c.why == "" && strings.HasPrefix(c.name, name+".") {
			fields = append(fields, c.name)
		}
	}
	switch {
	case len(fields) == 0:
		return ""
	case len(fields) > fieldsTold:
		fields = append(fields[:fieldsTold], "…")
	}
	return "; its fields are columns: " + strings.Join(fields, ", ")
}

// widened is the type that holds all values of a and b.
func widened(a, b event.Type) (event.Type, bool) {
	switch {
	case a.Equal(b), b.Kind == event.Null:
		return a, true
	case a.Kind == event.Null:
		return b, true
	case a.Kind != event.Decimal || b.Kind != event.Decimal:
		return event.Type{}, false
	}
	scale := max(a.Scale, b.Scale)
	precision := max(a.Precision-a.Scale, b.Precision-b.Scale) + scale
	return event.DecimalOf(precision, scale), precision <= 38
}

// Schema is the union of the files' columns, those of the first file first, those
// of partitions last. A field of a struct is a column called by its path,
// payload.amount, after those at the top. What cannot be read is of type Unknown.
func (t *Table) Schema() event.Schema {
	s := make(event.Schema, len(t.columns))
	for i := range t.columns {
		s[i] = event.Field{Name: t.columns[i].name, Type: t.columns[i].typ}
	}
	return s
}

// Rows is the number of rows of all files, without those of row groups that are left
// out. Of CSV and JSON lines it is known once they were read to their ends; until
// then it is 0.
func (t *Table) Rows() (n int64) {
	for i := range t.Files {
		n += t.Files[i].left()
	}
	return n
}

// Check returns why one of the columns cannot be read: a MissingColumn, an
// UnreadableColumn, or nil if all can.
func (t *Table) Check(columns []string) error {
	_, err := t.choose(columns)
	return err
}

// choose returns the columns asked for.
func (t *Table) choose(names []string) ([]column, error) {
	chosen := make([]column, len(names))
	for i, name := range names {
		at, ok := t.places[name]
		if !ok {
			return nil, t.missing(name)
		}
		chosen[i] = t.columns[at]
		if why := chosen[i].why; why != "" {
			return nil, &UnreadableColumn{Path: t.Path, Column: name, Problem: why}
		}
	}
	return chosen, nil
}

func (t *Table) missing(name string) error {
	all := make([]string, len(t.columns))
	for i := range t.columns {
		all[i] = t.columns[i].name
	}
	return &MissingColumn{Path: t.Path, Column: name, Nearest: event.Nearest(name, all)}
}

// Parts returns sources that together hold each row once, in order: the files, or
// runs of row groups where that gives each of the workers something to do. They
// may be read beside each other, and whoever asked closes each. A file without a
// column has nulls there.
func (t *Table) Parts(columns []string, workers int) ([]event.Source, error) {
	chosen, err := t.choose(columns)
	if err != nil {
		return nil, err
	}
	var parts []event.Source
	for _, p := range t.cut(chosen, workers) {
		parts = append(parts, p)
	}
	return parts, nil
}

// counting is what every part of a table is.
type counting interface {
	event.Source
	event.Counter
}

// cut makes the parts for so many workers. Files of text are one part each: where
// a record begins is known only to who has read all before it.
func (t *Table) cut(chosen []column, workers int) (parts []counting) {
	if t.text != nil {
		for i := range t.Files {
			parts = append(parts, newTextPart(t, chosen, i))
		}
		return parts
	}
	for _, s := range t.spans(workers) {
		parts = append(parts, newPart(t, chosen, s))
	}
	return parts
}

// span is some row groups of one file.
type span struct{ file, from, to int }

// partsPerWorker is how many parts a worker should find: with fewer, one long
// part at the end leaves the others idle.
const partsPerWorker = 4

// spans cuts the table into parts of at most about so many rows that each worker
// gets some. Files are never joined, row groups never cut; those that are left out
// count nothing.
func (t *Table) spans(workers int) []span {
	most := max(t.Rows()/int64(max(workers, 1)*partsPerWorker), batchRows)
	var spans []span
	for i := range t.Files {
		from, rows := 0, int64(0)
		f := &t.Files[i]
		for g := range f.meta.RowGroups {
			n := f.rowsOf(g)
			if rows > 0 && rows+n > most && workers > 1 {
				spans = append(spans, span{i, from, g})
				from, rows = g, 0
			}
			rows += n
		}
		if rows > 0 {
			spans = append(spans, span{i, from, len(f.meta.RowGroups)})
		}
	}
	return slices.Clip(spans)
}
