package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/timeseam/timeseam/features/event"
)

// TestArchive holds that an archive has of every record where it stood and when it was
// stamped, whatever a definition makes of it and calls it, and is there once it is
// committed.
func TestArchive(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.parquet")
	integer, text := event.Of(event.Int), event.Of(event.String)
	columns := event.Schema{{Name: "account", Type: text}, {Name: "_offset", Type: text}, {Name: "_offset_", Type: integer}, {Name: "_topic", Type: integer}}
	a, err := newArchive(t.Context(), path, "payments", columns)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	offset := int64(40)
	for _, rows := range []int{2, 5, 1} {
		b := event.Batch{Len: rows}
		for _, f := range append(columns[:len(columns):len(columns)], places...) {
			b.Columns = append(b.Columns, event.Make(f.Type))
		}
		for range rows {
			b.Columns[0].AppendText(fmt.Appendf(nil, "a%d", offset))
			b.Columns[1].AppendNull()
			b.Columns[2].AppendInt(offset * 2)
			b.Columns[3].AppendInt(7)
			b.Columns[4].AppendInt(3)
			b.Columns[5].AppendInt(offset)
			b.Columns[6].AppendInt(offset * 1000)
			offset++
		}
		if err := a.Write(t.Context(), &b); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the archive is there before it is committed")
	}
	if err := a.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	table, err := newFinder().Find(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(names(table.Schema()), " "); got != "_topic _partition _offset _timestamp account _offset__ _offset_ _topic_" {
		t.Errorf("its columns are %s", got)
	}
	of, err := table.Read(names(table.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	defer of.Close()
	seen := int64(40)
	var b event.Batch
	for {
		err := of.Read(t.Context(), &b)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for i := range b.Len {
			c := b.Columns
			got := fmt.Sprint(string(c[0].Text(i)), c[1].Ints[i], c[2].Ints[i], c[3].Ints[i], string(c[4].Text(i)), c[5].IsNull(i), c[6].Ints[i], c[7].Ints[i])
			if want := fmt.Sprint("payments", 3, seen, seen*1000, fmt.Sprintf("a%d", seen), true, seen*2, 7); got != want {
				t.Errorf("a record is %s, want %s", got, want)
			}
			seen++
		}
	}
	if seen != offset {
		t.Errorf("it has %d records, want %d", seen-40, offset-40)
	}
	if _, err := newArchive(t.Context(), path, "payments", event.Schema{{Name: "all", Type: event.ListOf(text)}}); err == nil || !strings.Contains(err.Error(), "column all is list") {
		t.Errorf("a column of lists: %v", err)
	}
}
