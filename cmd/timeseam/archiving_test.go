package main

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/store/storetest"
)

var archivedColumns = event.Schema{{Name: "amount", Type: event.Of(event.Int)}, {Name: "_offset", Type: event.Of(event.String)}}

// records are rows of a partition, as a feed has them, of offsets of which some are
// nobody's.
func records(partition int32, from, to int64) *event.Batch {
	b := emptyBatch(append(archivedColumns[:len(archivedColumns):len(archivedColumns)], places...))
	for o := from; o < to; o++ {
		if o%5 == 3 {
			continue // a marker of a transaction
		}
		b.Columns[0].AppendInt(o * 10)
		b.Columns[1].AppendText(fmt.Appendf(nil, "p%d", partition))
		b.Columns[2].AppendInt(int64(partition))
		b.Columns[3].AppendInt(o)
		b.Columns[4].AppendInt(o * 1000)
		b.Len++
	}
	return b
}

func newTestArchiving(t *testing.T, path string) *archiving {
	t.Helper()
	a, err := newArchiving(t.Context(), path, "pay.ments", t.TempDir(), archivedColumns)
	if err != nil {
		t.Fatal(err)
	}
	a.bytes = 2000
	return a
}

func offsetsOf(t *testing.T, a *archiving, applied []int64, begin ...int64) []int64 {
	t.Helper()
	from, err := a.offsets(t.Context(), applied, begin)
	if err != nil {
		t.Fatal(err)
	}
	return from
}

// wholeFiles copies the files that are whole, as a killed process leaves them, and half a
// one.
func wholeFiles(t *testing.T, from string) string {
	t.Helper()
	to := t.TempDir()
	err := filepath.WalkDir(from, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(p, ".lock") {
			return err
		}
		data, err := os.ReadFile(p)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // It becomes whole as it is killed.
		}
		if err == nil && strings.HasSuffix(p, ".partial") {
			data = data[:len(data)/2]
		}
		return errors.Join(err, os.WriteFile(filepath.Join(to, d.Name()), data, 0o644))
	})
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// TestArchiving kills the process that writes an archive, again and again, with a state
// that was saved somewhere: of every record the archive has one, in the order of offsets.
func TestArchiving(t *testing.T) {
	for seed := range uint64(4) {
		random := rand.New(rand.NewPCG(seed, 7))
		dir := t.TempDir()
		saved := []int64{4, 0} // where the stream is followed from at first
		for life := range 5 {
			a := newTestArchiving(t, dir)
			at := offsetsOf(t, a, saved, 0, 0)
			if life == 0 && fmt.Sprint(at) != "[4 0]" {
				t.Fatalf("an empty archive has the stream be read from %v", at)
			}
			for range random.IntN(60) {
				p := random.IntN(2)
				to := at[p] + int64(random.IntN(20))
				a.take(t.Context(), int32(p), records(int32(p), at[p], to))
				if at[p] = to; random.IntN(9) == 0 {
					saved = []int64{max(saved[0], at[0]), max(saved[1], at[1])} // a checkpoint
				}
			}
			dead := dir
			if dir = wholeFiles(t, dead); life == 4 {
				if err := a.close(); err != nil {
					t.Fatal(err)
				}
				dir = dead
			} else {
				a.close() // of what is nobody's any more
			}
			if life < 4 {
				continue
			}
			schema, b := readAll(t, dir)
			next, rows := []int64{4, 0}, map[string]bool{}
			for i := range b.Len {
				p, o := b.Columns[schema.Index("_partition")].Ints[i], b.Columns[schema.Index("_offset")].Ints[i]
				for next[p]%5 == 3 {
					next[p]++
				}
				if o != next[p] || b.Columns[schema.Index("amount")].Ints[i] != o*10 || string(b.Columns[schema.Index("_offset_")].Text(i)) != fmt.Sprint("p", p) {
					t.Fatalf("seed %d: partition %d goes on with offset %d, want %d", seed, p, o, next[p])
				}
				next[p]++
				rows[fmt.Sprint(p, o)] = true
			}
			for p := range next {
				if next[p] < at[p]-1 {
					t.Fatalf("seed %d: partition %d ends before %d, and it was read to %d", seed, p, next[p], at[p])
				}
			}
			if left, _ := filepath.Glob(filepath.Join(dir, "*.partial")); len(left) > 0 {
				t.Fatalf("there are %v", left)
			}
		}
	}
}

// TestArchivingFails holds that a partition whose file cannot be written stops, that no
// file behind it hides that, and that the next process goes on where it stopped.
func TestArchivingFails(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "archive")
	a := newTestArchiving(t, dir)
	offsetsOf(t, a, []int64{0, 5}, 0, 0)
	a.take(t.Context(), 0, records(0, 0, 40))
	a.take(t.Context(), 0, records(0, 40, 50)) // the first is full
	file := filepath.Join(dir, "pay.ments+0+0000000050.parquet")
	if err := os.Mkdir(file, 0o755); err != nil {
		t.Fatal(err)
	}
	a.bytes = 1
	a.take(t.Context(), 0, records(0, 50, 60))
	a.take(t.Context(), 0, records(0, 60, 70))
	a.take(t.Context(), 1, records(1, 5, 6))
	if err := a.close(); err != nil || a.Broken() != 1 {
		t.Fatalf("%d partitions are broken: %v", a.Broken(), err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	again := newTestArchiving(t, dir)
	if got := fmt.Sprint(offsetsOf(t, again, []int64{70, 6}, 0, 0)); got != "[50 6]" {
		t.Errorf("it goes on at %s", got)
	}
	if got := fmt.Sprint(offsetsOf(t, again, []int64{70, 6}, 55, 0)); got != "[55 6]" {
		t.Errorf("of a topic that has let go it goes on at %s", got)
	}
	if err := again.close(); err != nil {
		t.Fatal(err)
	}
}

// TestArchivingStored holds the same of a bucket: files come there whole, by age too.
func TestArchivingStored(t *testing.T) {
	storetest.Start(t)
	path := "s3://" + storetest.Bucket + "/archive/tx"
	at := time.UnixMicro(int64(servedDay))
	for life := range int64(3) {
		a := newTestArchiving(t, path)
		a.now = func() time.Time { return at }
		if from := offsetsOf(t, a, []int64{life * 40}, 0); from[0] != life*40 {
			t.Fatalf("life %d begins at %d", life, from[0])
		}
		a.take(t.Context(), 0, records(0, life*40, life*40+10))
		at = at.Add(2 * archiveAge)
		a.take(t.Context(), 0, records(0, life*40+10, life*40+40))
		if err := a.close(); err != nil {
			t.Fatal(err)
		}
	}
	schema, b := readAll(t, path)
	if n := b.Len; n != 96 || b.Columns[schema.Index("_offset")].Ints[95] != 119 {
		t.Errorf("it has %d records", n)
	}
	table, err := newFinder().Find(t.Context(), path)
	if err != nil || len(table.Files) != 6 {
		t.Errorf("%d files: %v", len(table.Files), err)
	}
	if _, err := newArchiving(t.Context(), t.TempDir(), "x", "", event.Schema{{Name: "all", Type: event.ListOf(event.Of(event.Int))}}); err == nil || !strings.Contains(err.Error(), "leave archive out") {
		t.Errorf("a column of lists: %v", err)
	}
}
