package sink

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/compute"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

const (
	// partitionsMax is how many values the column may have by which rows are
	// divided: each is a folder, with a file that is unfinished to the end of the run.
	partitionsMax = 1000
	// partitionGroups is how many groups of rows are gathered before they are
	// divided: few values more, and a row group would hold a handful of rows.
	partitionGroups = 4
	// hiveNull is the folder of rows without a value.
	hiveNull = "__HIVE_DEFAULT_PARTITION__"
)

// divides reports whether rows may be divided by values of type t.
func divides(t arrow.DataType) bool {
	return !arrow.IsNested(t.ID()) && t.ID() != arrow.NULL
}

// partitioned divides groups by the values of a column, into an encoder each. It
// gathers some groups first; when it divides follows from the rows alone (O1).
type partitioned struct {
	column  int
	name    string // of the column
	rows    int    // of a full group
	without *arrow.Schema
	open    func(folder string) encoder

	waiting []arrow.RecordBatch
	by      map[string]int // number of the partition, by folder
	parts   []encoder
	folder  []byte
}

// encode takes a group. One that was cut before it was full is large: there is
// much text in it.
func (p *partitioned) encode(rec arrow.RecordBatch) error {
	rec.Retain()
	p.waiting = append(p.waiting, rec)
	if len(p.waiting) < partitionGroups && int(rec.NumRows()) == p.rows {
		return nil
	}
	return p.divide()
}

func (p *partitioned) finish() error {
	if err := p.divide(); err != nil {
		return err
	}
	for _, part := range p.parts {
		if err := part.finish(); err != nil {
			return err
		}
	}
	return nil
}

// release lets go of the groups that wait.
func (p *partitioned) release() {
	for _, rec := range p.waiting {
		rec.Release()
	}
	p.waiting = nil
}

// divide encodes what waits: the rows of a partition together, in their order.
func (p *partitioned) divide() error {
	defer p.release()
	if len(p.waiting) == 0 {
		return nil
	}
	all, err := p.joined()
	if err != nil {
		return err
	}
	defer all.Release()
	numbers, err := p.numbers(all.Column(p.column))
	if err != nil {
		return err
	}
	columns := slices.Delete(slices.Clone(all.Columns()), p.column, p.column+1)
	rest := array.NewRecordBatch(p.without, columns, all.NumRows())
	defer rest.Release()
	rows := make([]int64, len(numbers))
	for i := range rows {
		rows[i] = int64(i)
	}
	slices.SortStableFunc(rows, func(a, b int64) int { return cmp.Compare(numbers[a], numbers[b]) })
	for lo := 0; lo < len(rows); {
		n := numbers[rows[lo]]
		hi := lo
		for hi < len(rows) && numbers[rows[hi]] == n && hi-lo < p.rows {
			hi++
		}
		if err := p.take(rest, rows[lo:hi], n); err != nil {
			return err
		}
		lo = hi
	}
	return nil
}

// take encodes the given rows of rec in partition n.
func (p *partitioned) take(rec arrow.RecordBatch, rows []int64, n int) error {
	at := array.NewInt64Builder(memory.DefaultAllocator)
	defer at.Release()
	at.AppendValues(rows, nil)
	places := at.NewArray()
	defer places.Release()
	columns := make([]arrow.Array, rec.NumCols())
	defer func() {
		for _, c := range columns {
			if c != nil {
				c.Release()
			}
		}
	}()
	for i, c := range rec.Columns() {
		storage := c
		ext, extended := c.DataType().(arrow.ExtensionType)
		if extended {
			storage = c.(array.ExtensionArray).Storage()
		}
		got, err := compute.TakeArray(context.Background(), storage, places)
		if err != nil {
			return fmt.Errorf("column %s: %w", rec.ColumnName(i), err)
		}
		columns[i] = got
		if extended {
			columns[i] = array.NewExtensionArrayWithStorage(ext, got)
			got.Release()
		}
		trimmedColumn := trimmed(columns[i])
		columns[i] = trimmedColumn
	}
	part := array.NewRecordBatch(p.without, columns, int64(len(rows)))
	defer part.Release()
	return p.parts[n].encode(part)
}

// joined is all rows that wait as one record.
func (p *partitioned) joined() (arrow.RecordBatch, error) {
	first := p.waiting[0]
	if len(p.waiting) == 1 {
		first.Retain()
		return first, nil
	}
	columns := make([]arrow.Array, first.NumCols())
	defer func() {
		for _, c := range columns {
			if c != nil {
				c.Release()
			}
		}
	}()
	var rows int64
	for _, rec := range p.waiting {
		rows += rec.NumRows()
	}
	for i := range columns {
		pieces := make([]arrow.Array, len(p.waiting))
		ext, extended := first.Column(i).DataType().(arrow.ExtensionType)
		for k, rec := range p.waiting {
			pieces[k] = rec.Column(i)
			if extended {
				pieces[k] = rec.Column(i).(array.ExtensionArray).Storage()
			}
		}
		all, err := array.Concatenate(pieces, memory.DefaultAllocator)
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", first.ColumnName(i), err)
		}
		columns[i] = all
		if extended {
			columns[i] = array.NewExtensionArrayWithStorage(ext, all)
			all.Release()
		}
	}
	return array.NewRecordBatch(first.Schema(), columns, rows), nil
}

// numbers is the partition of each row, by its number. New ones are opened.
func (p *partitioned) numbers(arr arrow.Array) ([]int, error) {
	value, _ := plain(arr)
	numbers := make([]int, arr.Len())
	for i := range numbers {
		p.folder = append(appendEscaped(p.folder[:0], p.name), '=')
		if arr.IsNull(i) {
			p.folder = append(p.folder, hiveNull...)
		} else {
			p.folder = escaped(p.folder, value, i)
		}
		n, ok := p.by[string(p.folder)]
		if !ok {
			if n = len(p.parts); n == partitionsMax {
				return nil, fmt.Errorf("column %s has more than %d values to partition by; choose one with fewer, such as a date", p.name, partitionsMax)
			}
			if len(p.folder) > 255 {
				return nil, fmt.Errorf("the folder %s... would have a name of %d bytes, and 255 are most; partition by another column", p.folder[:60], len(p.folder))
			}
			p.by[string(p.folder)] = n
			p.parts = append(p.parts, p.open(string(p.folder)))
		}
		numbers[i] = n
	}
	return numbers, nil
}

// escaped appends row i as the name of a folder has it.
func escaped(dst []byte, value cell, i int) []byte {
	from := len(dst)
	dst = value(dst, i)
	text := string(dst[from:])
	if text == hiveNull {
		return append(append(dst[:from], "%5F"...), text[1:]...) // a text, and no null
	}
	return appendEscaped(dst[:from], text)
}

// appendEscaped puts a percent sign and two digits for what Hive does not leave in
// the name of a folder.
func appendEscaped(dst []byte, s string) []byte {
	const digits = "0123456789ABCDEF"
	for i := range len(s) {
		c := s[i]
		if c < ' ' || c == 0x7f || strings.IndexByte("\"#%'*/:=?\\{[]^", c) >= 0 {
			dst = append(dst, '%', digits[c>>4], digits[c&15])
			continue
		}
		dst = append(dst, c)
	}
	return dst
}
