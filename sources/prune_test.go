package sources

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/store/storetest"
)

// group is the table of one row group alone.
func group(t *Table, g int) *Table {
	at := -1
	return t.Without(func(Known) bool { at++; return at != g })
}

// TestWithout reads what is left of every maker's files without some of their row
// groups: the rows of the others, in their order, in parts and in one; and no row of
// a group is outside of what is known of it.
func TestWithout(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, name := range goldens(t) {
		t.Run(name, func(t *testing.T) {
			whole, names := find(t, goldenPath(name)), readGolden(t, name).names()
			n := whole.GroupsRead()
			var rows [][]byte
			for g := range n {
				text, _ := readAll(t, must(group(whole, g).Read(names)))
				rows = append(rows, text)
			}
			if all, _ := readAll(t, must(whole.Read(names))); !bytes.Equal(all, bytes.Join(rows, nil)) {
				t.Fatal("the row groups alone do not make up the table")
			}
			for range 4 {
				var want []byte
				left, at := 0, -1
				some := whole.Without(func(Known) bool {
					at++
					out := rng.IntN(2) == 0
					if !out {
						want, left = append(want, rows[at]...), left+1
					}
					return out
				})
				if got, _ := readAll(t, must(some.Read(names))); !bytes.Equal(got, want) || some.GroupsRead() != left {
					t.Errorf("%d of %d row groups are left, and %d rows read that should be %d", some.GroupsRead(), n, bytes.Count(got, []byte("\n")), bytes.Count(want, []byte("\n")))
				}
				var parts []byte
				for _, p := range must(some.Parts(names, 3)) {
					text, _ := readAll(t, p)
					parts = append(parts, text...)
				}
				if !bytes.Equal(parts, want) {
					t.Error("parts hold other rows than the whole of what is left")
				}
			}
			knownHold(t, whole, names)
		})
	}
}

// knownHold holds what is known of every row group to its rows.
func knownHold(t *testing.T, whole *Table, names []string) {
	t.Helper()
	var known []Known
	whole.Without(func(k Known) bool { known = append(known, k); return false })
	for g, k := range known {
		b := rowsOf(t, must(group(whole, g).Read(names)))
		for i, name := range names {
			c := &b.Columns[i]
			bounds, ok := k(name)
			for row := 0; ok && row < b.Len; row++ {
				if c.IsNull(row) || c.Type.Kind == event.Double && c.Floats[row] != c.Floats[row] {
					continue
				}
				if event.Compare(c, row, &bounds, 0) < 0 || event.Compare(c, row, &bounds, 1) > 0 {
					t.Errorf("row group %d, %s: %s is outside of %s .. %s", g, name, Text(c, row), Text(&bounds, 0), Text(&bounds, 1))
				}
			}
		}
	}
}

// TestWithoutFiles leaves out files of which no row group is left, by what their
// folders say, of text too; and counts rows and bytes of what is left.
func TestWithoutFiles(t *testing.T) {
	hive := find(t, "testdata/hive")
	some := hive.Without(func(known Known) bool {
		shard, ok := known("shard")
		if _, there := known("nowhere"); there || !ok {
			t.Fatal("what is known is not what folders say")
		}
		return shard.Ints[0] != 1
	})
	shards := rowsOf(t, must(some.Read([]string{"shard"})))
	if len(some.Files) == 0 || len(some.Files) == len(hive.Files) || int64(shards.Len) != some.Rows() || some.Rows() != some.Estimate() {
		t.Fatalf("%d of %d files, %d rows for %d", len(some.Files), len(hive.Files), shards.Len, some.Rows())
	}
	for _, n := range shards.Columns[0].Ints {
		if n != 1 {
			t.Errorf("a row of shard %d", n)
		}
	}
	if part, all := some.StoredBytes([]string{"id"}), hive.StoredBytes([]string{"id"}); part <= 0 || part >= all {
		t.Errorf("%d of %d bytes", part, all)
	}

	dir := t.TempDir()
	for _, day := range []string{"dt=2026-01-01", "dt=2026-01-02"} {
		write(t, dir+"/"+day+"/a.csv", []byte("x\n"+day+"\n"))
	}
	text := must(FindText(dir, Dialect{}))
	some = text.Without(func(known Known) bool {
		_, rows := known("x") // which nobody has read
		dt, ok := known("dt")
		return ok && !rows && Text(&dt, 1) < "2026-01-02"
	})
	if rows, _ := readAll(t, must(some.Read([]string{"x"}))); len(some.Files) != 1 || !strings.Contains(string(rows), "dt=2026-01-02") || some.StoredBytes(nil) != some.Files[0].Size {
		t.Errorf("%d files: %s", len(some.Files), rows)
	}
}

// TestWithoutPlace names rows by their place in the file, whatever of it is read.
func TestWithoutPlace(t *testing.T) {
	s := storetest.Start(t)
	s.Put("wide.parquet", wide(t, 4, 100))
	at := -1
	some := must(hasty(0).Find(t.Context(), "s3://lake/wide.parquet")).Without(func(Known) bool { at++; return at == 0 || at == 2 })
	p := must(some.Parts([]string{"c00"}, 1))[0]
	defer p.Close()
	var b event.Batch
	for _, want := range []string{"row group 1, row 101", "row group 3, row 301"} {
		if err := p.Read(t.Context(), &b); err != nil {
			t.Fatal(err)
		}
		if place := p.(*part).Place(0); !strings.HasSuffix(place, want) || b.Columns[0].Ints[0] < 100 {
			t.Errorf("%s, want %s", place, want)
		}
	}
}

// TestRemoteWithout holds that of row groups which are left out no byte is fetched,
// in one part or several.
func TestRemoteWithout(t *testing.T) {
	s := storetest.Start(t)
	s.Put("wide.parquet", wide(t, 6, 5000))
	p := storetest.Before(t, s.URL, storetest.Schedule{})
	whole := must(hasty(0).Find(t.Context(), "s3://lake/wide.parquet"))
	column, _ := whole.Files[0].places["c03"]
	some := whole.Without(func(known Known) bool {
		c, ok := known("c03")
		return ok && (c.Ints[1] < 4*5000 || c.Ints[0] >= 4*15_000) // groups 0, and 3 to 5
	})
	p.Requests()
	for _, workers := range []int{1, 8} {
		rows := 0
		for _, part := range must(some.Parts([]string{"c03"}, workers)) {
			_, n := readAll(t, part)
			rows += n
		}
		want := int64(0)
		for _, g := range []int{1, 2} {
			want += placeOf(&whole.Files[0].meta.RowGroups[g].Columns[column].MetaData).to - placeOf(&whole.Files[0].meta.RowGroups[g].Columns[column].MetaData).from
		}
		all, bytes := p.Requests(), int64(0)
		for _, r := range all {
			bytes += r.Bytes
		}
		if rows != 10_000 || bytes != want || len(all) != 2 {
			t.Errorf("%d workers: %d rows by %d requests for %d bytes, want 10000 by 2 for %d", workers, rows, len(all), bytes, want)
		}
	}
}
