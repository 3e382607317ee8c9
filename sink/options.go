package sink

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/timeseam/timeseam/features/event"
)

// rowsDefault is as many rows as DuckDB puts in a row group: enough to compress
// well, and with 25 columns of doubles 25 MB in memory.
const rowsDefault = 122_880

// Options says what is written.
type Options struct {
	Schema       event.Schema  // the computed columns, after the carried ones
	Carried      *arrow.Schema // the columns of Batch.Carried; nil: there are none
	Compression  string        // Parquet: snappy (default), zstd, gzip, lz4, none; Arrow: none (default), zstd, lz4
	RowGroupRows int           // rows encoded together; 0: 122,880
	Workers      int           // columns encoded beside each other, where the format has them apart; 0: one
}

// layout is what follows from Options for every format.
type layout struct {
	carried  []carriedType
	computed event.Schema
	declared *arrow.Schema // the types that a reader should see
	stored   *arrow.Schema // the types that are encoded; field for field as declared
	rows     int           // in a group
	text     int           // bytes of text in a group, more or less
	workers  int
}

// newLayout checks o and lays out its columns.
func newLayout(o Options) (*layout, error) {
	l := &layout{computed: o.Schema, rows: o.RowGroupRows, text: textMax, workers: max(o.Workers, 1)}
	if l.rows == 0 {
		l.rows = rowsDefault
	}
	if l.rows < 0 {
		return nil, fmt.Errorf("row groups of %d rows; give a positive number", l.rows)
	}
	var declared, stored []arrow.Field
	if o.Carried != nil {
		for _, f := range o.Carried.Fields() {
			c := carriedTypeOf(f)
			l.carried = append(l.carried, c)
			declared, stored = append(declared, c.declared), append(stored, c.stored)
		}
	}
	for _, f := range o.Schema {
		t, err := arrowType(f.Type)
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", f.Name, err)
		}
		field := arrow.Field{Name: f.Name, Type: t, Nullable: true}
		declared, stored = append(declared, field), append(stored, field)
	}
	if err := checkNames(stored, len(l.carried)); err != nil {
		return nil, err
	}
	l.declared, l.stored = arrow.NewSchema(declared, nil), arrow.NewSchema(stored, nil)
	return l, nil
}

// checkNames refuses a name that stands twice: most readers would show one of
// the two columns and not say which.
func checkNames(fields []arrow.Field, carried int) error {
	if len(fields) == 0 {
		return fmt.Errorf("a training set without columns; keep at least one column of the spine or name a feature")
	}
	at := make(map[string]int, len(fields))
	for i, f := range fields {
		before, twice := at[f.Name]
		at[f.Name] = i
		switch {
		case !twice:
		case before < carried && i >= carried:
			return fmt.Errorf("column %s is both a column of the spine and a feature; leave it out of the spine's columns or rename the feature", f.Name)
		case i < carried:
			return fmt.Errorf("the spine has two columns %s; rename one", f.Name)
		default:
			return fmt.Errorf("two features give the column %s; rename one", f.Name)
		}
	}
	return nil
}
