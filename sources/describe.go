package sources

import (
	"context"
	"encoding/base64"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/parquet-go/parquet-go/format"
	"github.com/timeseam/timeseam/features/event"
)

// Description is what can be said of a table without reading its rows.
type Description struct {
	Path      string              `json:"path"`
	Rows      int64               `json:"rows"`
	SizeBytes int64               `json:"size_bytes"`
	RowGroups int                 `json:"row_groups"`
	Files     []FileDescription   `json:"files"`
	Columns   []ColumnDescription `json:"columns"`

	// Of CSV and JSON lines, which were read to their ends: types are suggested.
	Format    string   `json:"format,omitempty"`
	Delimiter string   `json:"delimiter,omitempty"` // where it is no comma
	Null      []string `json:"null,omitempty"`      // texts that stand for null, besides nothing at all

	table *Table
}

// Table is the table that was described; of text, with the suggested types.
func (d *Description) Table() *Table { return d.table }

// FileDescription is what can be said of one file.
type FileDescription struct {
	Path      string `json:"path"`
	Rows      int64  `json:"rows"`
	SizeBytes int64  `json:"size_bytes"`
	RowGroups int    `json:"row_groups"`
	CreatedBy string `json:"created_by,omitempty"`
}

// ColumnDescription is what can be said of one column.
type ColumnDescription struct {
	Name      string `json:"name"`
	Type      string `json:"type"`              // as definitions name it; "unknown": it cannot be read
	Nested    bool   `json:"-"`                 // features cannot read it, and Carry can
	Problem   string `json:"problem,omitempty"` // why it cannot be read
	Parquet   string `json:"parquet,omitempty"` // as the first file that has it stores it
	Arrow     string `json:"arrow,omitempty"`
	Partition bool   `json:"partition,omitempty"` // its values stand in the folders' names
	Codec     string `json:"codec,omitempty"`
	SizeBytes int64  `json:"size_bytes,omitempty"` // compressed
	Files     int    `json:"files"`                // that have it
	Nulls     *int64 `json:"nulls,omitempty"`      // nil: not known
	Min       string `json:"min,omitempty"`        // empty: not known
	Max       string `json:"max,omitempty"`
}

// Describe tells what the footers of a Parquet table say, and of a table of text
// what its rows are.
func Describe(ctx context.Context, path string) (*Description, error) {
	return Finder{}.Describe(ctx, path)
}

// Describe does so of what the path names for this Finder.
func (f Finder) Describe(ctx context.Context, path string) (*Description, error) {
	if json, is := f.textAt(ctx, path); is {
		return f.describeText(ctx, path, Dialect{JSON: json})
	}
	t, err := f.Find(ctx, path)
	if err != nil {
		return nil, err
	}
	return t.Describe()
}

// Describe tells what the footers of a table of Parquet say.
func (t *Table) Describe() (*Description, error) {
	d := &Description{Path: t.Path, Rows: t.Rows(), table: t}
	for i := range t.Files {
		f := &t.Files[i]
		d.SizeBytes += f.Size
		d.RowGroups += f.RowGroups
		d.Files = append(d.Files, FileDescription{Path: f.Path, Rows: f.Rows, SizeBytes: f.Size, RowGroups: f.RowGroups, CreatedBy: f.meta.CreatedBy})
	}
	schemas, err := t.arrowSchemas()
	if err != nil {
		return nil, err
	}
	for i := range t.columns {
		c := t.describe(&t.columns[i])
		if f, err := t.arrowField(&t.columns[i], schemas); err == nil && !t.columns[i].deep {
			c.Arrow = f.Type.String()
			if c.Nested = c.Problem != "" && arrow.IsNested(f.Type.ID()); c.Nested {
				c.Type = written(f.Type)
			}
		}
		d.Columns = append(d.Columns, c)
	}
	return d, nil
}

func (t *Table) describe(c *column) ColumnDescription {
	d := ColumnDescription{Name: c.name, Type: c.typ.String(), Problem: c.why, Partition: c.hive}
	var codecs []string
	for i := range t.Files {
		f := &t.Files[i]
		l := f.column(c.name)
		if _, in := f.partition(c.name); in && c.hive {
			d.Files++
		}
		if l == nil {
			continue
		}
		if d.Files++; d.Parquet == "" {
			d.Parquet = l.stored
		}
		for _, m := range f.chunks(l) {
			d.SizeBytes += m.TotalCompressedSize
			codecs = appendNew(codecs, strings.ToLower(m.Codec.String()))
		}
	}
	d.Codec = strings.Join(codecs, ", ")
	if s, ok := t.Statistics(c.name); ok {
		if s.Nulls >= 0 {
			d.Nulls = &s.Nulls
		}
		if s.Bounds.Len() == 2 {
			d.Min, d.Max = Text(&s.Bounds, 0), Text(&s.Bounds, 1)
		}
	}
	return d
}

func appendNew(list []string, s string) []string {
	for _, x := range list {
		if x == s {
			return list
		}
	}
	return append(list, s)
}

// chunks returns the column chunks at and below a column.
func (f *File) chunks(l *leaf) (all []*format.ColumnMetaData) {
	groups := f.meta.RowGroups
	for g := range groups {
		for i := range groups[g].Columns {
			if m := &groups[g].Columns[i].MetaData; len(m.PathInSchema) >= len(l.path) && slices.Equal(m.PathInSchema[:len(l.path)], l.path) {
				all = append(all, m)
			}
		}
	}
	return all
}

// Text writes a value of a column for people: bytes in base64, an instant in ISO
// 8601, null as nothing.
func Text(c *event.Column, i int) string {
	if c.IsNull(i) {
		return ""
	}
	switch c.Type.Kind {
	case event.Bool:
		return strconv.FormatBool(c.Ints[i] != 0)
	case event.Int:
		return strconv.FormatInt(c.Ints[i], 10)
	case event.Date:
		return time.Unix(0, 0).UTC().AddDate(0, 0, int(min(max(c.Ints[i], math.MinInt32), math.MaxInt32))).Format("2006-01-02")
	case event.Timestamp:
		return event.Time(c.Ints[i]).String()
	case event.Double:
		return strconv.FormatFloat(c.Floats[i]+0, 'g', -1, 64) // Statistics say -0 of a least zero.
	case event.Decimal:
		return c.Decimals[i].Text(c.Type.Scale)
	case event.String:
		if text := c.Text(i); utf8.Valid(text) {
			return string(text)
		}
		return strings.ToValidUTF8(string(c.Text(i)), "�")
	case event.Bytes:
		return base64.StdEncoding.EncodeToString(c.Text(i))
	}
	return ""
}
