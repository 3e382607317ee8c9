package sources

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/timeseam/timeseam/features/event"
)

// bounds writes what is known of a column: nulls, least, greatest.
func boundsText(t *testing.T, table *Table, column string) string {
	t.Helper()
	s, ok := table.Statistics(column)
	if !ok {
		return "none"
	}
	text := "?"
	if s.Nulls >= 0 {
		text = string(must(json.Marshal(s.Nulls)))
	}
	if s.Bounds.Len() == 2 {
		text += " " + Text(&s.Bounds, 0) + " .. " + Text(&s.Bounds, 1)
	}
	return text
}

func TestStatistics(t *testing.T) {
	for _, c := range []struct{ path, column, want string }{
		{"testdata/types.parquet", "i8", "1 -128 .. 127"},
		{"testdata/types.parquet", "i64", "1 -9223372036854775808 .. 9223372036854775807"},
		{"testdata/types.parquet", "u32", "1 0 .. 4294967295"},
		{"testdata/types.parquet", "f32", "1 -9.99994610111476e-41 .. +Inf"},
		{"testdata/types.parquet", "b", "2 false .. true"},
		{"testdata/types.parquet", "ls", "1  .. z"},
		{"testdata/types.parquet", "fix", "1 AAAA .. //79"},
		{"testdata/types.parquet", "day", "1 0001-01-01 .. 9999-12-31"},
		{"testdata/types.parquet", "nothing", "8"},
		{"testdata/types.parquet", "t_us_utc", "1 0001-01-01T00:00:00Z .. 9999-12-31T23:59:59.999999Z"},
		{"testdata/types.parquet", "t_ms_none", "1 0001-01-01T00:00:00Z .. 9999-12-31T23:59:59.999Z"},
		{"testdata/types.parquet", "t_ns_berlin", "1 1677-09-21T00:12:43.145224Z .. 2262-04-11T23:47:16.854775Z"},
		{"testdata/decimals.parquet", "d12_2", "1 -9999999999.99 .. 9999999999.99"},
		{"testdata/decimals_ints.parquet", "d18_4", "1 -99999999999999.9999 .. 99999999999999.9999"},
		{"testdata/int96.parquet", "t", "?"},
		{"testdata/required.parquet", "id", "0 0 .. 299"},
		{"testdata/required.parquet", "s", "0 k0 .. k6"},
		{"testdata/all_null.parquet", "i", "100"},
		{"testdata/empty.parquet", "id", "0"},
		{"testdata/duckdb_v1.parquet", "ts", "1 0001-01-01T00:00:00Z .. 1969-12-31T23:59:59.999999Z"},
		{"testdata/hive", "id", "0 0 .. 11"},
		{"testdata/hive", "price", "6 1.2345 .. 1.2500"},
		{"testdata/hive", "note", "8 a .. a"},
		{"testdata/hive", "late", "4 false .. true"},
		{"testdata/hive", "dt", "4 2026-01-01 .. 2026-01-02"},
		{"testdata/hive", "shard", "0 0 .. 2"},
		{"testdata/hive", "nowhere", "none"},
		{"testdata/conflict", "code", "none"},
	} {
		if got := boundsText(t, find(t, c.path), c.column); got != c.want {
			t.Errorf("%s %s: %s, want %s", c.path, c.column, got, c.want)
		}
	}
}

// TestStatisticsHold holds what the footers say of every column to its rows.
func TestStatisticsHold(t *testing.T) {
	for _, name := range goldens(t) {
		table := find(t, goldenPath(name))
		read := must(table.Read(readGolden(t, name).names()))
		schema := read.Schema()
		all := rowsOf(t, read)
		for i, f := range schema {
			s, _ := table.Statistics(f.Name)
			c, nulls := &all.Columns[i], int64(0)
			for row := range all.Len {
				if c.IsNull(row) {
					nulls++
					continue
				}
				if f.Type.Kind == event.Double && c.Floats[row] != c.Floats[row] {
					continue // Bounds say nothing of NaN.
				}
				if s.Bounds.Len() == 2 && (event.Compare(c, row, &s.Bounds, 0) < 0 || event.Compare(c, row, &s.Bounds, 1) > 0) {
					t.Errorf("%s %s: row %d, %s, is outside %s", name, f.Name, row, Text(c, row), boundsText(t, table, f.Name))
				}
			}
			if s.Nulls >= 0 && s.Nulls != nulls && !strings.HasPrefix(name, "out_of_type") && f.Name != "ub" && f.Name != "u64" {
				t.Errorf("%s %s: %d nulls in the footers, %d in the rows", name, f.Name, s.Nulls, nulls)
			}
		}
	}
}

func TestDescribe(t *testing.T) {
	d, err := Describe(t.Context(), "testdata/hive")
	if err != nil {
		t.Fatal(err)
	}
	if d.Rows != 12 || len(d.Files) != 6 || d.RowGroups != 8 || d.SizeBytes == 0 || !strings.HasPrefix(d.Files[0].CreatedBy, "parquet-cpp") {
		t.Errorf("%+v", d)
	}
	got := string(must(json.Marshal(d.Columns[3])))
	if want := `{"name":"price","type":"decimal(12,4)","parquet":"DECIMAL(9,2)","arrow":"decimal(12, 4)","codec":"snappy","size_bytes":`; !strings.HasPrefix(got, want) || !strings.HasSuffix(got, `"files":6,"nulls":6,"min":"1.2345","max":"1.2500"}`) {
		t.Error(got)
	}
	got = string(must(json.Marshal(d.Columns[6])))
	if want := `{"name":"dt","type":"date","arrow":"date32","partition":true,"files":6,"nulls":4,"min":"2026-01-01","max":"2026-01-02"}`; got != want {
		t.Error(got)
	}
	d, err = Describe(t.Context(), "testdata/unreadable.parquet")
	if err != nil {
		t.Fatal(err)
	}
	got = string(must(json.Marshal(d.Columns[1])))
	if want := `{"name":"tags","type":"list\u003cstring\u003e","problem":"is a list, which features cannot read","parquet":"LIST","arrow":"list\u003celement: utf8, nullable\u003e"`; !strings.HasPrefix(got, want) {
		t.Error(got)
	}
	if _, err := Describe(t.Context(), "testdata/nowhere"); err == nil {
		t.Error("what is not there is described")
	}
}
