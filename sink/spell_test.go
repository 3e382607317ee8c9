package sink

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/timeseam/timeseam/features/event"
)

// spelled writes one column to a file of a format and returns the text.
func spelled(t *testing.T, format string, c event.Column) (string, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x."+format)
	o := Options{Schema: event.Schema{{Name: "v", Type: c.Type}, {Name: "n", Type: event.Of(event.Int)}}}
	s, err := resolved(t, Place{Path: path}).Open(t.Context(), o)
	if err != nil {
		return "", err
	}
	defer s.Close()
	n := event.Make(o.Schema[1].Type)
	for i := range c.Len() {
		n.AppendInt(int64(i))
	}
	if err := s.Write(t.Context(), &event.Batch{Len: c.Len(), Columns: []event.Column{c, n}}); err != nil {
		return "", err
	}
	if err := s.Commit(t.Context()); err != nil {
		return "", err
	}
	text, err := os.ReadFile(path)
	return string(text), err
}

// TestSpelling holds docs/outputs.md: how each type stands in CSV and in JSON lines.
func TestSpelling(t *testing.T) {
	doubles := event.Make(event.Of(event.Double))
	for _, v := range []float64{0, math.Copysign(0, -1), 1, 0.1, 1e15, 1e16, 1e-6, 1e-7, math.MaxFloat64, math.SmallestNonzeroFloat64, event.CanonicalNaN, math.Inf(1), math.Inf(-1)} {
		doubles.AppendFloat(v)
	}
	decimals := event.Make(event.DecimalOf(38, 3))
	for _, v := range []int64{0, 1, -1, 1000, -123456} {
		decimals.AppendDecimal(event.Int128Of(v))
	}
	ints := event.Make(event.Of(event.Int))
	ints.AppendInt(math.MinInt64)
	ints.AppendInt(1<<53 + 1)
	ints.AppendNull()
	texts := event.Make(event.Of(event.String))
	for _, s := range []string{"a", "", "a,b", `say "hi"`, "two\nlines", "\r", " x", "x\t", "\x01\\", "é", "NULL", "\ufeff"} {
		texts.AppendText([]byte(s))
	}
	texts.AppendNull()
	raw := event.Make(event.Of(event.Bytes))
	raw.AppendText([]byte{0, 255, 1})
	raw.AppendText(nil)
	dates := event.Make(event.Of(event.Date))
	for _, d := range []int64{0, -1, 19_782, 2_932_896, 2_932_897, -719_528, -719_529} {
		dates.AppendInt(d)
	}
	instants := event.Make(event.Of(event.Timestamp))
	for _, v := range []int64{0, -1, 1_767_225_600_000_000, 1_767_225_600_500_000, math.MaxInt64} {
		instants.AppendInt(v)
	}
	list := event.Make(event.ListOf(event.Of(event.Double)))
	list.Elem.AppendFloat(1)
	list.Elem.AppendNull()
	list.Elem.AppendFloat(event.CanonicalNaN)
	list.EndList()
	list.EndList()
	list.AppendNull()
	named := event.Make(event.MapOf(event.Of(event.String), event.Of(event.Int)))
	named.Elem.Fields[0].AppendText([]byte(`a"`))
	named.Elem.Fields[1].AppendInt(1)
	named.Elem.Rows++
	named.EndList()
	dated := event.Make(event.MapOf(event.Of(event.Date), event.Of(event.Bool)))
	for d := range int64(2) {
		dated.Elem.Fields[0].AppendInt(d)
		dated.Elem.Fields[1].AppendInt(d)
		dated.Elem.Rows++
	}
	dated.EndList()
	point := event.Make(event.StructOf(event.Field{Name: "x y", Type: event.Of(event.Int)}, event.Field{Name: "s", Type: event.Of(event.String)}))
	point.Fields[0].AppendNull()
	point.Fields[1].AppendText([]byte("q"))
	point.Rows++
	for _, c := range []struct {
		column    event.Column
		csv, json string // values, with a | between
	}{
		{doubles, `0.0|-0.0|1.0|0.1|1000000000000000.0|1e+16|0.000001|1e-07|1.7976931348623157e+308|5e-324|NaN|inf|-inf`, `0.0|-0.0|1.0|0.1|1000000000000000.0|1e+16|0.000001|1e-07|1.7976931348623157e+308|5e-324|"NaN"|"inf"|"-inf"`},
		{decimals, "0.000|0.001|-0.001|1.000|-123.456", "0.000|0.001|-0.001|1.000|-123.456"},
		{ints, "-9223372036854775808|9007199254740993|", "-9223372036854775808|9007199254740993|null"},
		{texts, `a|""|"a,b"|"say ""hi"""|"two` + "\n" + `lines"|"` + "\r" + `"|" x"|"x` + "\t" + `"|` + "\x01\\" + `|é|NULL|"` + "\ufeff" + `"|`, `"a"|""|"a,b"|"say \"hi\""|"two\nlines"|"\r"|" x"|"x\t"|"\u0001\\"|"é"|"NULL"|"` + "\ufeff" + `"|null`},
		{raw, `AP8B|""`, `"AP8B"|""`},
		{dates, "1970-01-01|1969-12-31|2024-02-29|9999-12-31|+10000-01-01|0000-01-01|-0001-12-31", `"1970-01-01"|"1969-12-31"|"2024-02-29"|"9999-12-31"|"+10000-01-01"|"0000-01-01"|"-0001-12-31"`},
		{instants, "1970-01-01T00:00:00Z|1969-12-31T23:59:59.999999Z|2026-01-01T00:00:00Z|2026-01-01T00:00:00.500000Z|+294247-01-10T04:00:54.775807Z", `"1970-01-01T00:00:00Z"|"1969-12-31T23:59:59.999999Z"|"2026-01-01T00:00:00Z"|"2026-01-01T00:00:00.500000Z"|"+294247-01-10T04:00:54.775807Z"`},
		{list, `"[1.0,null,""NaN""]"|[]|`, `[1.0,null,"NaN"]|[]|null`},
		{named, `"{""a\"""":1}"`, `{"a\"":1}`},
		{dated, `"[[""1970-01-01"",false],[""1970-01-02"",true]]"`, `[["1970-01-01",false],["1970-01-02",true]]`},
		{point, `"{""x y"":null,""s"":""q""}"`, `{"x y":null,"s":"q"}`},
	} {
		var wantCSV, wantJSON strings.Builder
		wantCSV.WriteString("v,n\n")
		for i, v := range strings.Split(c.csv, "|") {
			fmt.Fprintf(&wantCSV, "%s,%d\n", v, i)
		}
		for i, v := range strings.Split(c.json, "|") {
			fmt.Fprintf(&wantJSON, "{\"v\":%s,\"n\":%d}\n", v, i)
		}
		if got, err := spelled(t, "csv", c.column); err != nil || got != wantCSV.String() {
			t.Errorf("%s: %v\n%s\nwant\n%s", c.column.Type, err, got, wantCSV.String())
		}
		if got, err := spelled(t, "jsonl", c.column); err != nil || got != wantJSON.String() {
			t.Errorf("%s: %v\n%s\nwant\n%s", c.column.Type, err, got, wantJSON.String())
		}
	}
}

// TestDatesAgree compares our calendar with the standard library's, day by day.
func TestDatesAgree(t *testing.T) {
	for day := int64(-800_000); day < 3_000_000; day += 13 {
		at := time.Unix(day*secondsOfDay, 0).UTC()
		if y := at.Year(); y < 0 || y > 9999 {
			continue
		}
		if got, want := string(appendDate(nil, day)), at.Format("2006-01-02"); got != want {
			t.Fatalf("day %d is %s, want %s", day, got, want)
		}
	}
}

// TestDecimalsAgree compares with the library's spelling, around every power of ten.
func TestDecimalsAgree(t *testing.T) {
	for digits := range 38 {
		for _, scale := range []int32{0, 1, 5, 19, 38} {
			for _, near := range []int64{-1, 0, 1} {
				for _, sign := range []int64{1, -1} {
					v := decimal128.GetScaleMultiplier(digits).Add(decimal128.FromI64(near)).Mul(decimal128.FromI64(sign))
					if got, want := string(appendDecimal(nil, v, int(scale))), v.ToString(scale); got != want {
						t.Fatalf("%s, want %s", got, want)
					}
				}
			}
		}
	}
	if got := string(appendDecimal(nil, decimal128.FromI64(-12), -2)); got != "-1200" {
		t.Error(got)
	}
}

// TestTextThatIsNone holds that text which is not UTF-8 ends a run, in every place
// where it can stand.
func TestTextThatIsNone(t *testing.T) {
	texts := event.Make(event.Of(event.String))
	texts.AppendText([]byte("a\xff"))
	list := event.Make(event.ListOf(event.Of(event.String)))
	list.Elem.AppendText([]byte("a\xff"))
	list.EndList()
	for _, format := range []string{"csv", "jsonl"} {
		for _, c := range []event.Column{texts, list} {
			if _, err := spelled(t, format, c); err == nil || !strings.Contains(err.Error(), `column v holds text that is not UTF-8 ("a\xff")`) {
				t.Errorf("%s, %s: %v", format, c.Type, err)
			}
		}
	}
}

// TestOneColumnOfCSV holds that a null which would be an empty line is refused.
func TestOneColumnOfCSV(t *testing.T) {
	c := event.Make(event.Of(event.Int))
	c.AppendNull()
	s, err := resolved(t, Place{Path: filepath.Join(t.TempDir(), "x.csv")}).Open(t.Context(), one())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	err = s.Write(t.Context(), &event.Batch{Len: 1, Columns: []event.Column{c}})
	if err == nil {
		err = s.Commit(t.Context())
	}
	if err == nil || !strings.Contains(err.Error(), "column x is the only one of a CSV file and null in some row") {
		t.Error(err)
	}
}

// FuzzText holds that any text comes back from CSV and from JSON lines, and any bits
// of a double.
func FuzzText(f *testing.F) {
	f.Add("a,\"b\"\r\n", uint64(1))
	f.Add("\x00\ufeff \\u0000", math.Float64bits(0.1))
	f.Add("\xff", math.Float64bits(-1e300))
	f.Fuzz(func(t *testing.T, s string, bits uint64) {
		b := array.NewStringBuilder(memory.DefaultAllocator)
		b.Append(s)
		d := array.NewFloat64Builder(memory.DefaultAllocator)
		v := math.Float64frombits(bits)
		d.Append(v)
		schema := arrow.NewSchema([]arrow.Field{{Name: s, Type: b.Type()}, {Name: s + "2", Type: d.Type()}}, nil)
		rec := array.NewRecordBatch(schema, []arrow.Array{b.NewArray(), d.NewArray()}, 1)
		rows, err := newCSV(schema)
		lines, lineErr := newJSONLines(schema)
		if (err == nil) != (lineErr == nil) {
			t.Fatal(err, lineErr)
		}
		if err != nil {
			return // No UTF-8; TestTextThatIsNone holds the rest.
		}
		rows.bind(rec)
		lines.bind(rec)
		got := csvRows(t, rows.row(rows.head(), 0))
		if len(got) != 2 || *got[0][0] != s || *got[1][0] != s || !sameFloat(t, *got[1][1], v) {
			t.Errorf("%q comes back from CSV as %v", s, got)
		}
		var back map[string]json.RawMessage
		var text string
		if err := json.Unmarshal(lines.row(nil, 0), &back); err != nil || json.Unmarshal(back[s], &text) != nil || text != s {
			t.Errorf("%q comes back from JSON as %q (%v)", s, text, err)
		}
		if !sameFloat(t, strings.Trim(string(back[s+"2"]), `"`), v) {
			t.Errorf("%v comes back from JSON as %s", v, back[s+"2"])
		}
	})
}

func sameFloat(t *testing.T, text string, v float64) bool {
	t.Helper()
	got, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Error(err)
	}
	return math.Float64bits(got) == math.Float64bits(v) || got != got && v != v
}

// FuzzEscape holds that a folder's name has no separator in it and gives the value
// back to those who undo the percent signs.
func FuzzEscape(f *testing.F) {
	f.Add("a/b=c%41")
	f.Add("..")
	f.Fuzz(func(t *testing.T, s string) {
		got := string(appendEscaped(nil, s))
		if strings.ContainsAny(got, "/\\=:\x00") {
			t.Errorf("%q is %q", s, got)
		}
		var back []byte
		for i := 0; i < len(got); i++ {
			if got[i] != '%' {
				back = append(back, got[i])
				continue
			}
			v, err := strconv.ParseUint(got[i+1:i+3], 16, 8)
			if err != nil {
				t.Fatal(err)
			}
			back = append(back, byte(v))
			i += 2
		}
		if string(back) != s {
			t.Errorf("%q comes back as %q", s, back)
		}
	})
}
