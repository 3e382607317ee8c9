package sources

import (
	"errors"
	"io"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/timeseam/timeseam/features/event"
)

// TestKept holds what is left of carried rows to the rows themselves: of every
// type, in batches of every length, with batches of which nothing is left.
func TestKept(t *testing.T) {
	for _, name := range append(goldens(t), "unreadable") {
		if uncarried[name] != "" || name == "hive" {
			continue
		}
		table := find(t, "testdata/"+name+".parquet")
		for _, rows := range []int{3, 100} {
			has := func(row int) bool { return row%5 == 1 || row/7%2 == 1 && row%3 == 0 }
			var want []string
			row := 0
			for _, b := range carried(t, must(table.Carry(nil, rows)), rows) {
				for i := range int(b.NumRows()) {
					if has(row) {
						want = append(want, rowText(b, i))
					}
					row++
				}
			}
			s := Kept(must(table.Carry(nil, rows)), has)
			var got []string
			var b event.Batch
			for {
				err := s.Read(t.Context(), &b)
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil || b.Len < 1 || b.Len > rows || int(b.Carried.NumRows()) != b.Len {
					t.Fatalf("%s: a batch of %d rows, %v", name, b.Len, err)
				}
				for i := range b.Len {
					got = append(got, rowText(b.Carried, i))
				}
			}
			suiteClose(t, s)
			if len(got) != len(want) {
				t.Fatalf("%s: %d rows, want %d", name, len(got), len(want))
			}
			for i := range got {
				if got[i] != want[i] {
					t.Errorf("%s: row %d is %s, want %s", name, i, got[i], want[i])
				}
			}
		}
	}
}

// rowText is row i of a record, every column as the library spells it.
func rowText(b arrow.RecordBatch, i int) (text string) {
	for _, c := range b.Columns() {
		text += c.ValueStr(i) + "|"
	}
	return text
}
