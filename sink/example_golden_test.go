package sink

import (
	"bytes"
	"flag"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/timeseam/timeseam/features/event"
)

var rewriteGolden = flag.Bool("rewrite-golden", false, "write testdata/example.tfrecord anew; read it with testdata/read_tfrecord.py then")

// goldenColumns is a column of every type that a TFRecord takes.
func goldenColumns() (event.Schema, []event.Column) {
	point := event.StructOf(event.Field{Name: "x", Type: event.Of(event.Double)}, event.Field{Name: "tag", Type: event.Of(event.String)})
	schema := event.Schema{
		{Name: "bool", Type: event.Of(event.Bool)}, {Name: "int", Type: event.Of(event.Int)}, {Name: "double", Type: event.Of(event.Double)},
		{Name: "decimal", Type: event.DecimalOf(9, 2)}, {Name: "string", Type: event.Of(event.String)}, {Name: "bytes", Type: event.Of(event.Bytes)},
		{Name: "date", Type: event.Of(event.Date)}, {Name: "timestamp", Type: event.Of(event.Timestamp)},
		{Name: "ints", Type: event.ListOf(event.Of(event.Int))}, {Name: "names", Type: event.ListOf(event.Of(event.String))},
		{Name: "point", Type: point}, {Name: "points", Type: event.ListOf(point)}, {Name: "counts", Type: event.MapOf(event.Of(event.String), event.Of(event.Double))},
	}
	var columns []event.Column
	for i, f := range schema {
		c := event.Make(f.Type)
		for row := range 4 {
			if row == 3 || row == 2 && i%2 == 0 {
				c.AppendNull()
				continue
			}
			appendGolden(&c, row)
		}
		columns = append(columns, c)
	}
	return schema, columns
}

func appendGolden(c *event.Column, n int) {
	switch c.Type.Kind {
	case event.Double:
		c.AppendFloat([]float64{0.1, event.CanonicalNaN, -math.MaxFloat32}[n])
	case event.Decimal:
		c.AppendDecimal(event.Int128Of(int64(n*1999 - 1)))
	case event.String:
		c.AppendText([]byte([]string{"", "naïve", strings.Repeat("long ", 40)}[n]))
	case event.Bytes:
		c.AppendText([]byte{0, 255, byte(n)})
	case event.List:
		for k := range n {
			appendGolden(c.Elem, k)
		}
		c.EndList()
	case event.Map:
		for k := range n {
			c.Elem.Fields[0].AppendText([]byte{'a' + byte(k)})
			c.Elem.Fields[1].AppendFloat(float64(k))
			c.Elem.Rows++
		}
		c.EndList()
	case event.Struct:
		for f := range c.Fields {
			appendGolden(&c.Fields[f], n)
		}
		c.Rows++
		c.NotNull()
	case event.Bool:
		c.AppendInt(int64(n % 2))
	default:
		c.AppendInt([]int64{-1, 1 << 40, 7}[n])
	}
}

// TestTFRecordGolden holds the bytes that TensorFlow has read: example.txt is what
// it took them for.
func TestTFRecordGolden(t *testing.T) {
	schema, columns := goldenColumns()
	dir := t.TempDir()
	path := filepath.Join(dir, "example.tfrecord")
	s, err := resolved(t, Place{Path: path}).Open(t.Context(), Options{Schema: schema})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Write(t.Context(), &event.Batch{Len: 4, Columns: columns}); err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "example.tfrecord")
	got := contents(t, path)
	if *rewriteGolden {
		if err := os.WriteFile(golden, got, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(got, contents(t, golden)) {
		t.Error("the bytes are others than those that TensorFlow has read")
	}
	rounded := resolved(t, Place{Path: path}).Rounded(Options{Schema: schema})
	if want := []string{"double", "decimal", "point", "points", "counts"}; !slices.Equal(rounded, want) {
		t.Errorf("rounded are %v, want %v", rounded, want)
	}
}

// TestTFRecordRefuses holds what an Example cannot hold: of types when the sink is
// opened, of values when they come.
func TestTFRecordRefuses(t *testing.T) {
	nulls := event.Make(event.ListOf(event.Of(event.Int)))
	nulls.Elem.AppendNull()
	nulls.EndList()
	large := event.Make(event.Of(event.Double))
	large.AppendFloat(1e300)
	for _, c := range []struct {
		column event.Column
		words  string
	}{
		{event.Make(event.ListOf(event.ListOf(event.Of(event.Int)))), "which a tf.train.Example cannot hold: it is a list of lists"},
		{nulls, "column v has a null within a list or map"},
		{large, "column v holds 1e+300, which is beyond the float32 of a FloatList"},
	} {
		if _, err := spelled(t, "tfrecord", c.column); err == nil || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%v; want %q", err, c.words)
		}
	}
	twice := event.Schema{{Name: "a", Type: event.StructOf(event.Field{Name: "b", Type: event.Of(event.Int)})}, {Name: "a.b", Type: event.Of(event.Int)}}
	if _, err := resolved(t, Place{Path: filepath.Join(t.TempDir(), "x.tfrecord")}).Open(t.Context(), Options{Schema: twice}); err == nil || !strings.Contains(err.Error(), "columns a and a.b both give the feature a.b") {
		t.Error(err)
	}
}
