package sources

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	"github.com/timeseam/timeseam/features/event"
)

// sourceSuite holds a source to the contract of event.Source. open makes a new
// one, each time with the same rows.
func sourceSuite(t *testing.T, open func() (event.Source, error)) {
	start := func(t *testing.T) event.Source {
		t.Helper()
		s, err := open()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
	t.Run("batches", func(t *testing.T) { suiteBatches(t, start(t)) })
	t.Run("same rows again", func(t *testing.T) {
		first, n := readAll(t, start(t))
		second, m := readAll(t, start(t))
		if n != m || !bytes.Equal(first, second) {
			t.Errorf("%d rows, then %d others", n, m)
		}
	})
	t.Run("dictionaries live on", func(t *testing.T) { suiteDictionaries(t, start(t)) })
	t.Run("cancelled", func(t *testing.T) {
		s := start(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		var b event.Batch
		if err := s.Read(ctx, &b); !errors.Is(err, context.Canceled) {
			t.Errorf("read under a cancelled context: %v", err)
		}
	})
	t.Run("closed early", func(t *testing.T) {
		s := start(t)
		var b event.Batch
		if err := s.Read(t.Context(), &b); err != nil {
			t.Fatal(err)
		}
		suiteClose(t, s)
		if err := s.Read(t.Context(), &b); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("read after close: %v", err)
		}
	})
	t.Run("closed unread", func(t *testing.T) { suiteClose(t, start(t)) })
}

// suiteClose closes twice.
func suiteClose(t *testing.T, s event.Source) {
	t.Helper()
	for range 2 {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
}

// suiteBatches reads to the end, twice over it, into a batch that held other things.
func suiteBatches(t *testing.T, s event.Source) {
	schema := s.Schema()
	b := event.Batch{Len: 99, Columns: []event.Column{{}, {}, {}}}
	for {
		err := s.Read(t.Context(), &b)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := checkBatch(schema, &b); err != nil {
			t.Fatal(err)
		}
		if goldenHead(s.Schema()) != goldenHead(schema) {
			t.Fatal("the schema changes")
		}
	}
	for range 2 {
		if err := s.Read(t.Context(), &b); err != io.EOF || b.Len != 0 || len(b.Columns) != 0 || b.Carried != nil {
			t.Errorf("read after the end: %v, %d rows, %d columns", err, b.Len, len(b.Columns))
		}
	}
	suiteClose(t, s)
}

// suiteDictionaries keeps every dictionary until all is read (E2).
func suiteDictionaries(t *testing.T, s event.Source) {
	type kept struct {
		dict *event.Dict
		was  string
	}
	var all []kept
	var b event.Batch
	for s.Read(t.Context(), &b) == nil {
		for i := range b.Columns {
			if d := b.Columns[i].Dict; d != nil {
				all = append(all, kept{d, string(d.Bytes)})
			}
		}
	}
	for i, k := range all {
		if string(k.dict.Bytes) != k.was {
			t.Fatalf("dictionary %d was changed after it was handed on", i)
		}
	}
}

// rowsOf reads a whole source into one batch.
func rowsOf(t testing.TB, s event.Source) *event.Batch {
	t.Helper()
	defer s.Close()
	all := &event.Batch{}
	for _, f := range s.Schema() {
		all.Columns = append(all.Columns, event.Make(f.Type))
	}
	var b event.Batch
	for {
		err := s.Read(t.Context(), &b)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		for i := range b.Columns {
			for row := range b.Len {
				all.Columns[i].Append(&b.Columns[i], row)
			}
		}
		all.Len += b.Len
	}
}

func TestSources(t *testing.T) {
	for _, name := range []string{"types", "fallback_v1", "fallback_v2", "hive", "polars", "duckdb_long_v2"} {
		table := find(t, goldenPath(name))
		names := readGolden(t, name).names()
		t.Run(name+"/read", func(t *testing.T) {
			sourceSuite(t, func() (event.Source, error) { return table.Read(names) })
		})
		t.Run(name+"/part", func(t *testing.T) {
			sourceSuite(t, func() (event.Source, error) {
				parts, err := table.Parts(names, 8)
				if err != nil {
					return nil, err
				}
				return parts[len(parts)-1], nil
			})
		})
		t.Run(name+"/memory", func(t *testing.T) {
			s, err := table.Read(names)
			if err != nil {
				t.Fatal(err)
			}
			all := rowsOf(t, s)
			sourceSuite(t, func() (event.Source, error) { return Memory(s.Schema(), all, 7), nil })
		})
	}
}

// TestMemoryNested slices lists and structs, and what is carried with them.
func TestMemoryNested(t *testing.T) {
	typ := event.StructOf(event.Field{Name: "tags", Type: event.ListOf(event.Of(event.String))}, event.Field{Name: "x", Type: event.Of(event.Double)})
	c := event.Make(typ)
	for i := range 10 {
		for range i % 3 {
			c.Fields[0].Elem.AppendText([]byte{byte('a' + i)})
		}
		c.Fields[0].EndList()
		c.Fields[1].AppendFloat(float64(i))
		c.Rows++
	}
	schema := event.Schema{{Name: "c", Type: typ}}
	s := Memory(schema, &event.Batch{Len: 10, Columns: []event.Column{c}}, 4)
	var b event.Batch
	row := 0
	for s.Read(t.Context(), &b) == nil {
		for i := range b.Len {
			if event.Compare(&b.Columns[0], i, &c, row) != 0 {
				t.Errorf("row %d differs", row)
			}
			row++
		}
	}
	if row != 10 {
		t.Errorf("%d rows, want 10", row)
	}
}
