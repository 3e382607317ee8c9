package sources

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/timeseam/timeseam/features/event"
)

// goldenText writes a batch as testdata/write.py does.
func goldenText(w *bytes.Buffer, b *event.Batch) {
	for i := range b.Len {
		for k := range b.Columns {
			if k > 0 {
				w.WriteByte('\t')
			}
			w.WriteString(goldenValue(&b.Columns[k], i))
		}
		w.WriteByte('\n')
	}
}

func goldenValue(c *event.Column, i int) string {
	if c.IsNull(i) {
		return `\N`
	}
	switch c.Type.Kind {
	case event.Double:
		return fmt.Sprintf("%016x", math.Float64bits(c.Floats[i]))
	case event.Decimal:
		return c.Decimals[i].Text(c.Type.Scale)
	case event.String:
		return strings.ReplaceAll(string(c.Text(i)), "\n", `\n`)
	case event.Bytes:
		return hex.EncodeToString(c.Text(i))
	}
	return fmt.Sprint(c.Ints[i])
}

func goldenHead(s event.Schema) string {
	fields := make([]string, len(s))
	for i, f := range s {
		fields[i] = f.Name + ":" + f.Type.String()
	}
	return strings.Join(fields, "\t") + "\n"
}

// golden is the file beside a table: its first line, and its lines or their sum.
type golden struct{ head, body string }

func readGolden(t testing.TB, name string) golden {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name + ".golden")
	if err != nil {
		t.Fatal(err)
	}
	head, body, _ := strings.Cut(string(text), "\n")
	return golden{head + "\n", body}
}

// same reports a difference between the golden lines and text.
func (g golden) same(t *testing.T, what string, rows int, text []byte) {
	t.Helper()
	if strings.HasPrefix(g.body, "sha256 ") {
		sum := sha256.Sum256(append([]byte(g.head), text...))
		text = []byte(fmt.Sprintf("sha256 %x of %d rows\n", sum, rows))
	}
	if string(text) != g.body {
		t.Errorf("%s:\n%s\nwant\n%s", what, text, g.body)
	}
}

// names are the columns of a golden head that can be read.
func (g golden) names() (names []string) {
	for _, f := range strings.Split(strings.TrimSuffix(g.head, "\n"), "\t") {
		if name, kind, _ := strings.Cut(f, ":"); kind != "unknown" {
			names = append(names, name)
		}
	}
	return names
}

func find(t testing.TB, path string) *Table {
	t.Helper()
	table, err := Find(path)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// readAll reads a source to its end and holds each batch to the ground's rules.
func readAll(t testing.TB, s event.Source) (text []byte, rows int) {
	t.Helper()
	defer s.Close()
	var b event.Batch
	var w bytes.Buffer
	for {
		err := s.Read(t.Context(), &b)
		if errors.Is(err, io.EOF) {
			return w.Bytes(), rows
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := checkBatch(s.Schema(), &b); err != nil {
			t.Fatal(err)
		}
		goldenText(&w, &b)
		rows += b.Len
	}
}

// checkBatch says where a batch is not what a Source must give.
func checkBatch(schema event.Schema, b *event.Batch) error {
	if b.Len < 1 || b.Len > batchRows {
		return fmt.Errorf("a batch of %d rows", b.Len)
	}
	if len(b.Columns) != len(schema) {
		return fmt.Errorf("%d columns, %d in the schema", len(b.Columns), len(schema))
	}
	for k := range b.Columns {
		c := &b.Columns[k]
		if !c.Type.Equal(schema[k].Type) {
			return fmt.Errorf("column %s is %s, %s in the schema", schema[k].Name, c.Type, schema[k].Type)
		}
		if c.Len() != b.Len || c.Null != nil && len(c.Null) != b.Len {
			return fmt.Errorf("column %s has %d rows and %d nulls of %d", schema[k].Name, c.Len(), len(c.Null), b.Len)
		}
		if err := checkValues(c); err != nil {
			return fmt.Errorf("column %s: %w", schema[k].Name, err)
		}
	}
	return nil
}

// checkValues holds a column to E1 and E3, and its codes to its dictionary.
func checkValues(c *event.Column) error {
	for i := range c.Len() {
		switch {
		case c.Type.Text() && int(c.Codes[i]) >= c.Dict.Len():
			return fmt.Errorf("row %d is entry %d of %d", i, c.Codes[i], c.Dict.Len())
		case c.Type.Kind == event.Double && c.Floats[i] != c.Floats[i] && math.Float64bits(c.Floats[i]) != math.Float64bits(event.CanonicalNaN):
			return fmt.Errorf("row %d is another NaN", i)
		case !c.IsNull(i) || c.Type.Kind == event.Null:
		case c.Codes != nil && c.Codes[i] != 0, c.Ints != nil && c.Ints[i] != 0, c.Floats != nil && c.Floats[i] != 0, c.Decimals != nil && c.Decimals[i] != event.Int128{}:
			return fmt.Errorf("row %d is null and not zero", i)
		}
	}
	if c.Type.Text() && !ascending(c.Dict.Offsets, len(c.Dict.Bytes)) {
		return errors.New("its dictionary is out of order")
	}
	return nil
}

func ascending(offsets []uint32, size int) bool {
	return slices.IsSorted(offsets) && offsets[0] == 0 && int(offsets[len(offsets)-1]) <= size
}
