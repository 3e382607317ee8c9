package sources

import (
	"bytes"
	"compress/gzip"
	stdcsv "encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/klauspost/compress/zstd"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/payload"
)

// everyType is a column of every type.
var everyType = event.Schema{
	{Name: "i", Type: event.Of(event.Int)}, {Name: "d", Type: event.Of(event.Double)}, {Name: "dec", Type: event.DecimalOf(38, 10)}, {Name: "b", Type: event.Of(event.Bool)},
	{Name: "s", Type: event.Of(event.String)}, {Name: "raw", Type: event.Of(event.Bytes)}, {Name: "day", Type: event.Of(event.Date)}, {Name: "at", Type: event.Of(event.Timestamp)},
	{Name: "l", Type: event.ListOf(event.Of(event.Int))}, {Name: "st", Type: event.StructOf(event.Field{Name: "x", Type: event.Of(event.Double)}, event.Field{Name: "y", Type: event.Of(event.String)})},
	{Name: "m", Type: event.MapOf(event.Of(event.String), event.Of(event.Int))}, {Name: "mi", Type: event.MapOf(event.Of(event.Int), event.Of(event.String))},
}

var oddTexts = []string{"", "a", "NA", `"`, `a"b`, "a,b", "two\nlines", "a\r\nb", "é😀", "'", ";", "\t", " x ", "\\", "null", "{}", "0", "\x00"}

// everyBatch is rows of every type, by seed.
func everyBatch(rows int, seed uint64) *event.Batch {
	rng := rand.New(rand.NewPCG(seed, 1))
	b := &event.Batch{Len: rows}
	for _, f := range everyType {
		c := event.Make(f.Type)
		for i := range rows {
			if f.Name != "i" && rng.IntN(6) == 0 {
				c.AppendNull()
			} else {
				randomValue(rng, &c, i)
			}
		}
		b.Columns = append(b.Columns, c)
	}
	return b
}

func randomValue(rng *rand.Rand, c *event.Column, i int) {
	ints := []int64{0, -1, math.MaxInt64, math.MinInt64, 1<<53 + 1, int64(i), rng.Int64()}
	doubles := []float64{0, -0.5, 1e300, 5e-324, math.Inf(1), math.Inf(-1), event.CanonicalNaN, rng.NormFloat64(), 0.1}
	text := []byte(oddTexts[rng.IntN(len(oddTexts))])
	if c.Type.Kind == event.Bytes {
		text = fmt.Append(text, i) // Mostly another: its dictionary is not worth looking up in.
	}
	switch c.Type.Kind {
	case event.Int:
		c.AppendInt(ints[rng.IntN(len(ints))])
	case event.Double:
		c.AppendFloat(doubles[rng.IntN(len(doubles))])
	case event.Decimal:
		c.AppendDecimal([]event.Int128{{}, event.Pow10(38).Sub(event.Int128Of(1)), event.Pow10(38).Neg().Add(event.Int128Of(1)), event.Int128Of(rng.Int64())}[rng.IntN(4)])
	case event.Bool:
		c.AppendInt(int64(rng.IntN(2)))
	case event.String, event.Bytes:
		c.AppendText(text)
	case event.Date:
		c.AppendInt(int64(rng.IntN(60000) - 30000))
	case event.Timestamp:
		c.AppendInt(rng.Int64N(4e15) - 2e15)
	case event.List:
		for range rng.IntN(3) {
			randomValue(rng, c.Elem, i)
		}
		c.EndList()
	case event.Struct:
		randomValue(rng, &c.Fields[0], i)
		c.Fields[1].AppendNull()
		c.Rows++
		c.NotNull()
	case event.Map:
		for k := range rng.IntN(3) {
			if key := &c.Elem.Fields[0]; key.Type.Kind == event.Int {
				key.AppendInt(int64(k))
			} else {
				key.AppendText([]byte{'k', byte('0' + k)})
			}
			randomValue(rng, &c.Elem.Fields[1], i)
			c.Elem.Rows++
		}
		c.EndList()
	}
}

// asJSON spells a value as JSON.
func asJSON(c *event.Column, i int) string {
	var parts []string
	switch {
	case c.IsNull(i):
		return "null"
	case c.Type.Kind == event.List:
		for k := c.Offsets[i]; k < c.Offsets[i+1]; k++ {
			parts = append(parts, asJSON(c.Elem, int(k)))
		}
		return "[" + strings.Join(parts, ",") + "]"
	case c.Type.Kind == event.Struct:
		for f := range c.Fields {
			parts = append(parts, quoteJSON(c.Type.Fields[f].Name)+": "+asJSON(&c.Fields[f], i))
		}
		return "{" + strings.Join(parts, ",") + "}"
	case c.Type.Kind == event.Map:
		// Entries stand in any order: here the last key first.
		open, mark, end := "{", "{%s:%s}", "}"
		if c.Type.KeyType().Kind != event.String {
			open, mark, end = "[", "[%s,%s]", "]"
		}
		for k := c.Offsets[i+1] - 1; k >= c.Offsets[i]; k-- {
			part := fmt.Sprintf(mark, asJSON(&c.Elem.Fields[0], int(k)), asJSON(&c.Elem.Fields[1], int(k)))
			if open == "{" {
				part = part[1 : len(part)-1]
			}
			parts = append(parts, part)
		}
		return open + strings.Join(parts, ",") + end
	}
	switch text := Text(c, i); c.Type.Kind {
	case event.Double:
		if v := c.Floats[i]; v-v != 0 {
			return quoteJSON(text)
		}
		return text
	case event.Int, event.Decimal, event.Bool:
		return text
	default:
		return quoteJSON(text)
	}
}

func quoteJSON(s string) string { return string(must(json.Marshal(s))) }

// writeCSV spells a batch as CSV, with some of the freedoms that writers have.
func writeCSV(names []string, b *event.Batch, end string) []byte {
	var w bytes.Buffer
	w.WriteString(byteOrderMark + strings.Join(names, ",") + end)
	for i := range b.Len {
		for c := range b.Columns {
			if c > 0 {
				w.WriteByte(',')
			}
			col := &b.Columns[c]
			text := Text(col, i)
			if !col.Type.Scalar() {
				text = asJSON(col, i)
			}
			if !col.IsNull(i) && (text == "" || i%3 == 0 || strings.ContainsAny(text, ",\"\r\n")) {
				text = `"` + strings.ReplaceAll(text, `"`, `""`) + `"`
			}
			if !col.IsNull(i) {
				w.WriteString(text)
			}
		}
		if i < b.Len-1 {
			w.WriteString(end)
		}
	}
	return w.Bytes()
}

func writeJSON(names []string, b *event.Batch) []byte {
	var w bytes.Buffer
	for i := range b.Len {
		mark := "{"
		for c := range b.Columns {
			if b.Columns[c].IsNull(i) && i%2 == 0 {
				continue // A field that is not there is null too.
			}
			w.WriteString(mark + quoteJSON(names[c]) + ":" + asJSON(&b.Columns[c], i))
			mark = ","
		}
		w.WriteString("}\n")
	}
	return w.Bytes()
}

func gzipped(data []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write(data)
	w.Close()
	return b.Bytes()
}

func zstdPacked(data []byte) []byte {
	w := must(zstd.NewWriter(nil))
	defer w.Close()
	return w.EncodeAll(data, nil)
}

func namesOf(s event.Schema) (names []string) {
	for _, f := range s {
		names = append(names, f.Name)
	}
	return names
}

// textTable writes bytes into a file and opens it.
func textTable(t testing.TB, name string, data []byte, d Dialect) (*Table, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
	return FindText(path, d)
}

// TestTextFormats holds that one table is the same rows in every format, read and
// carried, and that each of its sources keeps the contract.
func TestTextFormats(t *testing.T) {
	want := everyBatch(5000, 3)
	names := namesOf(everyType)
	csv, lines := writeCSV(names, want, "\n"), writeJSON(names, want)
	for _, f := range []struct {
		name string
		data []byte
	}{
		{"a.csv", csv}, {"a.csv.gz", gzipped(csv)}, {"two.csv.gz", append(gzipped(csv[:1000]), gzipped(csv[1000:])...)}, {"a.csv.zst", zstdPacked(csv)}, {"crlf.csv", writeCSV(names, want, "\r\n")},
		{"a.jsonl", lines}, {"a.jsonl.gz", gzipped(lines)}, {"a.json.zst", zstdPacked(lines)}, {"crlf.ndjson", bytes.ReplaceAll(lines, []byte("}\n{"), []byte("}\r\n\r\n{"))},
	} {
		t.Run(f.name, func(t *testing.T) {
			table := must(textTable(t, f.name, f.data, Dialect{JSON: strings.Contains(f.name, "js"), Fields: everyType}))
			sourceSuite(t, func() (event.Source, error) { return table.Read(names[:8]) })
			sourceSuite(t, func() (event.Source, error) {
				p := newTextPart(table, must(table.choose(names[:8])), 0)
				p.most = 700
				return p, nil
			})
			sameRows(t, rowsOf(t, must(table.Read(names))), want)
			if table.Rows() != int64(want.Len) || table.Files[0].Sum == 0 {
				t.Errorf("%d rows and sum %x", table.Rows(), table.Files[0].Sum)
			}
			sameRows(t, viaParquet(t, table), want)
		})
	}
}

func sameRows(t *testing.T, got, want *event.Batch) {
	t.Helper()
	if got.Len != want.Len || len(got.Columns) != len(want.Columns) {
		t.Fatalf("%d rows of %d columns, want %d of %d", got.Len, len(got.Columns), want.Len, len(want.Columns))
	}
	for c := range want.Columns {
		for i := range want.Len {
			g, w := &got.Columns[c], &want.Columns[c]
			if event.Compare(g, i, w, i) != 0 {
				t.Fatalf("column %d, row %d: %s, want %s", c, i, asJSON(g, i), asJSON(w, i))
			}
		}
	}
}

// viaParquet carries a table into Parquet and reads the scalars of that; the
// others are as the table has them.
func viaParquet(t *testing.T, table *Table) *event.Batch {
	t.Helper()
	schema := must(table.ArrowSchema(nil))
	path := filepath.Join(t.TempDir(), "a.parquet")
	w := must(pqarrow.NewFileWriter(schema, must(os.Create(path)), parquet.NewWriterProperties(), pqarrow.NewArrowWriterProperties(pqarrow.WithStoreSchema(), pqarrow.WithAllocator(memory.DefaultAllocator))))
	for _, r := range carried(t, must(table.Carry(nil, 777)), 777) {
		if err := w.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	back := find(t, path)
	b := rowsOf(t, must(table.Read(namesOf(everyType))))
	scalars := rowsOf(t, must(back.Read(namesOf(everyType[:8]))))
	copy(b.Columns, scalars.Columns)
	b.Len = scalars.Len
	return b
}

// TestTextChanged holds that a file that is another at the second reading is
// refused, though it has the size and time of the first.
func TestTextChanged(t *testing.T) {
	table := must(textTable(t, "a.csv", []byte("a\n1\n2\n"), Dialect{}))
	rowsOf(t, must(table.Read([]string{"a"})))
	info := must(os.Stat(table.Files[0].Path))
	if err := os.WriteFile(table.Files[0].Path, []byte("a\n1\n3\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(table.Files[0].Path, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	c := must(table.Carry(nil, 10))
	defer c.Close()
	var b event.Batch
	err := c.Read(t.Context(), &b)
	if err == nil {
		err = c.Read(t.Context(), &b)
	}
	if err == nil || !strings.Contains(err.Error(), "changed while it was being read") {
		t.Errorf("a changed file: %v", err)
	}
}

// TestTextValues reads single values: text in, value out, "!" for a refusal.
func TestTextValues(t *testing.T) {
	cases := map[string][]string{
		"int64":          {"0 0", "-5 -5", "+5 5", "007 7", "5.0 5", "1e3 1000", "9223372036854775807 9223372036854775807", "-9223372036854775808 -9223372036854775808", "9007199254740993.000 9007199254740993", "9223372036854775808 !", "5.5 !", "1e-1 !", "1e99 !", "- !", "1_0 !", "0x1 !", "1e !", ". !", "1e99999999999 !"},
		"double":         {"1.5 1.5", "1e999 !", "nan NaN", "-inf -Inf", "Infinity +Inf", "0x1p3 !", "1_0 !", "1. 1", ".5 0.5", "-0 0", "1,5 !"},
		"decimal(5,2)":   {"1.5 1.50", "999.99 999.99", "1000 !", "1.005 !", "1.500 1.50", "1e2 100.00", "-0.01 -0.01", "1e-2 0.01", "1e-3 !", "0e-99 0.00", "0.000 0.00", "1.2.3 !", "000001.5 1.50"},
		"decimal(38,10)": {"9999999999999999999999999999.9999999999 9999999999999999999999999999.9999999999", "10000000000000000000000000000 !"},
		"bool":           {"true true", "False false", "1 true", "0 false", "yes !", "2 !"},
		"date":           {"2026-01-31 2026-01-31", "2024-02-29 2024-02-29", "2023-02-29 !", "2026-1-31 !", "2026-01-31T00:00:00 !", "0001-01-01 0001-01-01"},
		"bytes":          {"AP8= AP8=", "AP8 !", "A !"},
		"timestamp": {"2026-01-31 2026-01-31T00:00:00Z", "2026-01-31T12:00Z 2026-01-31T12:00:00Z", "2026-01-31T12:00:00.1234567 2026-01-31T12:00:00.123456Z", "1969-12-31T23:59:59.9999999 1969-12-31T23:59:59.999999Z",
			"2026-01-31T12:00:00+01:30 2026-01-31T10:30:00Z", "2026-01-31T12:00:00-0100 2026-01-31T13:00:00Z", "2026-01-31T12:00:00+02 2026-01-31T10:00:00Z", "2026-01-31T24:00:00 !", "2026-01-31T12:60 !", "2026-01-31T12:00:60Z !", "2026-01-31T12:00:00.Z !", "2026-01-31T12:00:00+24:00 !", "2026-01-31X12:00 !", "1700000000 !", "2026-01-31T12:00:00Zx !"},
	}
	types := map[string]event.Type{"int64": event.Of(event.Int), "double": event.Of(event.Double), "decimal(5,2)": event.DecimalOf(5, 2), "decimal(38,10)": event.DecimalOf(38, 10),
		"bool": event.Of(event.Bool), "date": event.Of(event.Date), "bytes": event.Of(event.Bytes), "timestamp": event.Of(event.Timestamp)}
	for name, list := range cases {
		for _, c := range list {
			in, want, _ := strings.Cut(c, " ")
			col := event.Make(types[name])
			got := "!"
			if payload.AppendText(&col, []byte(in)) == nil {
				got = Text(&col, 0)
			}
			if got != want {
				t.Errorf("%s as %s: %s, want %s", in, name, got, want)
			}
		}
	}
}

// TestTextFaults holds what is said of files that cannot be read.
func TestTextFaults(t *testing.T) {
	fields := event.Schema{{Name: "a", Type: event.Of(event.Int)}, {Name: "s", Type: event.Of(event.String)}}
	for _, c := range []struct{ name, data, want string }{
		{"empty.csv", "", "open FILE: it is empty, and a CSV file begins with"},
		{"few.csv", "a,s\n1,x\n2\n", "line 3: it has 1 fields, and the table 2 columns"},
		{"many.csv", "a,s\n1,x,y\n", "line 2: it has 3 fields, and the table 2 columns"},
		{"number.csv", "a,s\n1,x\n\n\"\n\",x\n", "line 4, column a: `·` is no int64"},
		{"after.csv", "a,s\n\"1\"2,x\n", "line 2: a quoted field ends and `2,x·` follows"},
		{"open.csv", "a,s\n1,\"x\n\n", "line 2: a quote is opened and never closed"},
		{"latin.csv", "a,s\n1,\xe9\n", "line 2, column s: `·` is no string; it is not UTF-8"},
		{"latin-head.csv", "a,\xe9\n", "line 1: the header is not UTF-8"},
		{"wide.csv", "\xff\xfea\x00", "it is of UTF-16"},
		{"mac.csv", "a,s\r1,x\r", "its lines end with CR alone"},
		{"twice.csv", "a,s,a\n", "column a is there twice in the header"},
		{"null.csv", "a,s\n-,x\n", "`-` is no int64; if it stands for null, say null: [\"-\"]"},
		{"quoted.csv", "a,s\n\"\",x\n", "quotes with nothing in them are an empty text"},
		{"cut.csv.gz", string(gzipped([]byte("a,s\n1,x\n"))[:20]), "it is cut off: its gzip does not end"},
		{"cut.csv.zst", string(zstdPacked(bytes.Repeat([]byte("a,s\n1,x\n"), 999))[:20]), "it is cut off: its zstd does not end"},
		{"behind.csv.gz", string(gzipped([]byte("a,s\n1,x\n"))) + "trailing bytes, and more", "its gzip is damaged"},
		{"other.csv", "PAR1....", "it is a Parquet file; give {parquet: PATH}"},
		{"array.jsonl", "[{\"a\":1}]\n", "line 1: `[{\"a\":1}]` is no object"},
		{"pretty.jsonl", "{\n\"a\":1}\n", "line 1: its JSON does not end"},
		{"two.jsonl", "{\"a\":1} {\"a\":2}\n", "line 1: something follows the end of its JSON"},
		{"twice.jsonl", "{\"a\":1}\n{\"a\":1,\"\\u0061\":2}\n", "line 2: a name stands twice in one object"},
		{"kind.jsonl", "{\"a\":[1]}\n", "line 1, column a: `[1]` is no int64"},
		{"text.jsonl", "{\"s\":1}\n", "line 1, column s: `1` is no string"},
		{"latin.jsonl", "{\"s\":\"\xe9\"}\n", "line 1"},
		{"half.jsonl", "{\"s\":\"\\ud800\"}\n", "line 1"},
		{"double.jsonl", "{\"a\":1.5}\n", "line 1, column a: `1.5` is no int64"},
		{"nul.csv", "a,s\n1\x00,x\n", "line 2, column a: `1·` is no int64"},
		{"zeros.csv", "a,s\n1,x\n\x00\x00\x00\x00", "line 3: it has 1 fields"},
		{"nul.jsonl", "{\"a\":1}\n\x00\x00\x00\x00", "line 2: "},
		{"raw-nul.jsonl", "{\"s\":\"\x00\"}\n", "line 1, column s: its JSON is wrong"},
		{"deep.jsonl", strings.Repeat("[", 20000), "line 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), c.name)
			if err := os.WriteFile(path, []byte(c.data), 0o666); err != nil {
				t.Fatal(err)
			}
			err := readText(t, path, Dialect{JSON: strings.HasSuffix(c.name, "jsonl"), Fields: fields})
			if err == nil {
				t.Fatal("it is read")
			}
			said := strings.ReplaceAll(err.Error(), path, "FILE")
			if !strings.Contains(said, c.want) || !strings.Contains(said, "FILE") || strings.Contains(said, "\n") {
				t.Errorf("got %s\nwant %s", said, c.want)
			}
		})
	}
}

// readText opens and reads all of a table.
func readText(t testing.TB, path string, d Dialect) error {
	table, err := FindText(path, d)
	if err != nil {
		return err
	}
	s, err := table.Read([]string{"a", "s"})
	if err != nil {
		return err
	}
	defer s.Close()
	var b event.Batch
	for {
		switch err := s.Read(t.Context(), &b); {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
	}
}

// TestTextBounded holds that a record beyond the bound is refused, and that what
// is held before is no more than twice the bound: of a bomb too.
func TestTextBounded(t *testing.T) {
	for _, data := range []string{"\"aaaa\n", "aaaa"} {
		l := newLineReader(io.MultiReader(strings.NewReader("a\n"), &endless{data: data}))
		l.buf, l.most = make([]byte, 16), 1<<10
		c := &csvReader{lineReader: l, delimiter: ',', quote: '"'}
		if err := c.record(); err != nil {
			t.Fatal(err)
		}
		err := c.record()
		if err == nil || !strings.HasPrefix(err.Error(), "line 2: it is longer than") || len(l.buf) > 4<<10 {
			t.Errorf("%q without end: %v, %d bytes held", data, err, len(l.buf))
		}
	}
}

// endless repeats data.
type endless struct {
	data string
	at   int
}

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = e.data[min(e.at, len(e.data)-1)]
		e.at++
	}
	return len(p), nil
}

// FuzzCSV cuts any bytes, in pieces of any size: never a panic, and where
// encoding/csv reads them without a word, the same records.
func FuzzCSV(f *testing.F) {
	for _, s := range []string{"a,b\n1,2\n", "\"a\nb\",\"c\"\"d\"\r\n\n,,\n", "a\r\n\"\"", "\"a", "\"a\"b", "x,\n\"\"\r"} {
		f.Add([]byte(s), uint8(3))
	}
	f.Fuzz(func(t *testing.T, data []byte, piece uint8) {
		l := newLineReader(&pieces{data, int(piece) + 1})
		l.buf, l.most = make([]byte, 8), 1<<20
		c := &csvReader{lineReader: l, delimiter: ',', quote: '"'}
		var got []string
		var failed error
		for failed == nil {
			if failed = c.record(); failed != nil {
				break
			}
			for _, field := range c.fields {
				got = append(got, strings.ReplaceAll(string(field.text), "\r\n", "\n"))
			}
			got = append(got, "\n--\n")
		}
		if failed != io.EOF && !strings.HasPrefix(failed.Error(), "line ") {
			t.Fatalf("an error without its line: %v", failed)
		}
		r := stdcsv.NewReader(bytes.NewReader(data))
		r.FieldsPerRecord = -1
		records, err := r.ReadAll()
		if err != nil {
			return
		}
		var want []string
		for _, record := range records {
			want = append(append(want, record...), "\n--\n")
		}
		if failed != io.EOF || strings.Join(got, "\x00") != strings.Join(want, "\x00") {
			t.Fatalf("%q: %q (%v), encoding/csv %q", data, got, failed, want)
		}
	})
}

// pieces is a reader of so many bytes at a time.
type pieces struct {
	data []byte
	most int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.data) == 0 {
		return 0, io.EOF
	}
	n := copy(b[:min(len(b), p.most)], p.data)
	p.data = p.data[n:]
	return n, nil
}

// FuzzJSONLines reads any bytes as an object of every type: never a panic, no row
// of half its columns, and nothing that encoding/json does not take.
func FuzzJSONLines(f *testing.F) {
	b := everyBatch(8, 1)
	for _, line := range bytes.Split(writeJSON(namesOf(everyType), b), []byte("\n")) {
		f.Add(line)
	}
	f.Add([]byte(`{"i":1e99999999,"d":"x","m":[[1,2],[1,2]]}`))
	f.Add([]byte(`{"i":1,"mi":[1],"m":{"a":1,"a":2}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var targets []*payload.Column
		for _, field := range everyType {
			targets = append(targets, payload.NewColumn(field.Name, field.Type))
		}
		o := payload.NewObjects(targets)
		if err := o.Append(data); err != nil {
			return
		}
		if !json.Valid(data) {
			t.Fatalf("%q is read and no JSON", data)
		}
		for _, n := range targets {
			if n.Values.Len() != 1 {
				t.Fatalf("%q: column %s has %d rows", data, n.Name, n.Values.Len())
			}
			// What is read is spelled again and read as the same.
			again := event.Make(n.Values.Type)
			j := new(payload.JSON)
			j.Begin([]byte(asJSON(&n.Values, 0)))
			if err := j.Value(&again); err != nil || event.Compare(&again, 0, &n.Values, 0) != 0 {
				t.Fatalf("%q: %s is read again as another: %v", data, asJSON(&n.Values, 0), err)
			}
		}
	})
}

// FuzzTextRoundTrip writes rows by seed and reads them back.
func FuzzTextRoundTrip(f *testing.F) {
	f.Add(uint64(1), uint8(20))
	f.Fuzz(func(t *testing.T, seed uint64, rows uint8) {
		want := everyBatch(int(rows), seed)
		names := namesOf(everyType)
		for name, data := range map[string][]byte{"a.csv": writeCSV(names, want, "\n"), "a.jsonl": writeJSON(names, want)} {
			table := must(textTable(t, name, data, Dialect{JSON: name == "a.jsonl", Fields: everyType}))
			sameRows(t, rowsOf(t, must(table.Read(names))), want)
		}
	})
}
