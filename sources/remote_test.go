package sources

import (
	"bytes"
	"compress/gzip"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/store"
	"github.com/timeseam/timeseam/store/storetest"
)

// hasty finds objects and waits for nothing between attempts.
func hasty(window int64) Finder {
	c := store.New(store.Options{Pause: func(int) time.Duration { return 0 }})
	return Finder{Store: c, window: window}
}

// upload puts the files of a folder below a key.
func upload(t testing.TB, s *storetest.Server, dir, key string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(at string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			rel, _ := filepath.Rel(dir, at)
			s.Put(path.Join(key, filepath.ToSlash(rel)), must(os.ReadFile(at)))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestRemoteFind finds by every pattern the same below a key as below a folder.
func TestRemoteFind(t *testing.T) {
	dir, s := t.TempDir(), storetest.Start(t)
	for _, name := range []string{"b.parquet", "a.parquet", "sub/c.parquet", "k=1/d.parquet", "_k=2/e.parquet", "_tmp/x.parquet", ".hidden/x.parquet", "sub/.x.parquet", "sub/_x.parquet", "sub/deep/f.pq",
		"k=2/l=x/g.parquet", "k=2/l=y/h.parquet", "a b/ü=ö.parquet", "*.lit/i.parquet", "k=1/_SUCCESS", "k=2/_SUCCESS", "k=2/l=x/_SUCCESS", "k=2/_old/g.parquet", "_SUCCESS"} {
		copyTo(t, "required.parquet", dir, name)
	}
	write(t, filepath.Join(dir, "README.md"), []byte("not a table"))
	upload(t, s, dir, "lake/tx")
	s.Put("lake/tx/", nil)           // What consoles make of a folder.
	s.Put("lake/txt/a.parquet", nil) // It only begins alike.
	f := hasty(0)
	for _, pattern := range []string{"", "a.parquet", "*.parquet", "*", "*/", "[ab].parquet", "k=*", "k=*/", "k=2", "k=2/*", "k=2/l=*/*.parquet", "k=[12]/**", "?k=*/e.parquet", "**/*.pq", "**/d.parquet", "**", "**/**/d.parquet",
		"sub/**/f.pq", "_tmp/*.parquet", "_tmp", "_tmp/*", "sub/deep/f.pq", "sub/_x.parquet", "{a,b}.parquet", "none*", "nowhere/*", "sub/deep", "[a.parquet", "nothing.parquet", "_tmp/none.parque", "a b", "a b/*", "a?b/ü*", `\*.lit/*`, "*.lit", "*.lit/i.parquet", "sub//c.parquet"} {
		local, marks, err := parquetEndings.listed(dir + "/" + pattern)
		remote, marksRemote, errRemote := f.listed(t.Context(), parquetEndings, "s3://lake/lake/tx/"+pattern)
		local, remote = append(local, marks...), append(remote, marksRemote...)
		if pattern == "sub//c.parquet" {
			local, err = nil, errShort // A key may have two slashes, and is another one.
		}
		var want, got []string
		for _, at := range local {
			rel, _ := filepath.Rel(dir, at.path)
			want = append(want, filepath.ToSlash(rel)+" in "+at.hive)
		}
		for _, at := range remote {
			got = append(got, strings.TrimPrefix(at.path, "s3://lake/lake/tx/")+" in "+at.hive)
		}
		if !slices.Equal(got, want) || (err == nil) != (errRemote == nil) {
			t.Errorf("%s: %v (%v), on this machine %v (%v)", pattern, got, errRemote, want, err)
		}
	}
}

func TestRemoteRefused(t *testing.T) {
	s := storetest.Start(t)
	s.Put("tx/accounts.parquet", []byte("id,amount\n1,2\n3,4\n"))
	s.Put("tx/orders.csv", []byte("id"))
	s.Put("zero.parquet", nil)
	whole := must(os.ReadFile("testdata/types.parquet"))
	s.Put("cut.parquet", whole[:len(whole)/2])
	f := hasty(0)
	for path, want := range map[string]string{
		"s3://lake/tx/acounts.parquet":  "open s3://lake/tx/acounts.parquet: it is not there (did you mean s3://lake/tx/accounts.parquet?)",
		"s3://lake/ty/":                 "open s3://lake/ty/: it is not there (did you mean s3://lake/tx?)",
		"s3://lake/tx/*.pq":             "open s3://lake/tx/*.pq: no *.parquet file is there (names that begin with . or _ are skipped)",
		"s3://pond/tx":                  "open s3://pond/tx: there is no bucket pond",
		"s3://AKIAX:hunter2@lake/tx":    "credentials do not belong into an address",
		"s3:///tx":                      "s3:///tx names no bucket",
		"s3://lake/tx/accounts.parquet": `open s3://lake/tx/accounts.parquet: it is no Parquet file: it begins with "id,a"`,
		"s3://lake/zero.parquet":        "open s3://lake/zero.parquet: it is empty (0 bytes)",
		"s3://lake/cut.parquet":         "open s3://lake/cut.parquet: it is cut off: it begins as a Parquet file and does not end as one",
		"gs://lake/tx":                  "open gs://lake/tx: reading from gs:// is not built yet",
	} {
		if _, err := f.Find(t.Context(), path); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
}

// TestRemoteGolden reads every table of the tests as objects, in windows of every
// sort of size, and gets what its files hold.
func TestRemoteGolden(t *testing.T) {
	s := storetest.Start(t)
	upload(t, s, "testdata", "g")
	for _, window := range []int64{0, 700, 5000} {
		f := hasty(window)
		for _, name := range goldens(t) {
			g := readGolden(t, name)
			table, err := f.Find(t.Context(), strings.Replace(goldenPath(name), "testdata", "s3://lake/g", 1))
			if err != nil {
				t.Fatal(err)
			}
			if got := goldenHead(table.Schema()); got != g.head {
				t.Fatalf("%s: schema %s, want %s", name, got, g.head)
			}
			text, rows := readAll(t, must(table.Read(g.names())))
			g.same(t, fmt.Sprint(name, " in windows of ", window), rows, text)
			if got, want := carriedText(t, table), carriedText(t, find(t, goldenPath(name))); got != want {
				t.Fatalf("%s in windows of %d: other rows are carried", name, window)
			}
		}
	}
}

// carriedText is what Carry gives, as text; its error where it gives none.
func carriedText(t testing.TB, table *Table) string {
	t.Helper()
	s, err := table.Carry(nil, 1000)
	if err != nil {
		return strings.ReplaceAll(err.Error(), "s3://lake/g", "testdata")
	}
	defer s.Close()
	var b event.Batch
	var w bytes.Buffer
	for {
		err := s.Read(t.Context(), &b)
		if err == io.EOF {
			return w.String()
		}
		if err != nil {
			return w.String() + strings.ReplaceAll(err.Error(), "s3://lake/g", "testdata")
		}
		fmt.Fprintln(&w, b.Carried)
	}
}

func TestRemoteSources(t *testing.T) {
	s := storetest.Start(t)
	upload(t, s, "testdata", "g")
	for _, name := range []string{"types", "fallback_v1", "hive", "duckdb_long_v2"} {
		table := must(hasty(900).Find(t.Context(), strings.Replace(goldenPath(name), "testdata", "s3://lake/g", 1)))
		names := readGolden(t, name).names()
		sourceSuite(t, func() (event.Source, error) { return table.Read(names) })
	}
}

// TestRemoteText reads CSV and JSON lines, plain and compressed, as objects.
func TestRemoteText(t *testing.T) {
	s := storetest.Start(t)
	var csv bytes.Buffer
	csv.WriteString("id,amount\n")
	for i := range 300_000 {
		fmt.Fprintf(&csv, "a%07d,%d\n", i, i%97)
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write(csv.Bytes())
	z.Close()
	s.Put("t/a.csv", csv.Bytes())
	s.Put("t/b.csv.gz", packed.Bytes())
	s.Put("j/a.jsonl", []byte("{\"id\": \"x\", \"amount\": 3}\n"))
	fields := event.Schema{{Name: "id", Type: event.Of(event.String)}, {Name: "amount", Type: event.Of(event.Int)}}
	p := storetest.Before(t, s.URL, storetest.Schedule{Seed: 5, Rate: 0.2})
	f := hasty(0)
	table := must(f.FindText(t.Context(), "s3://lake/t", Dialect{Fields: fields}))
	for range 2 { // A second reading is held against the first.
		if _, rows := readAll(t, must(table.Read([]string{"id", "amount"}))); rows != 600_000 {
			t.Errorf("%d rows", rows)
		}
	}
	if table.Rows() != 600_000 || table.Files[0].ETag == "" || table.Files[0].Sum == 0 {
		t.Errorf("%+v", table.Files[0])
	}
	j := must(f.FindText(t.Context(), "s3://lake/j/*.jsonl", Dialect{JSON: true, Fields: fields}))
	if text, rows := readAll(t, must(j.Read([]string{"id"}))); rows != 1 || string(text) != "x\n" {
		t.Errorf("JSON lines: %q", text)
	}
	d := must(f.Describe(t.Context(), "s3://lake/t"))
	if d.Rows != 600_000 || d.Columns[1].Type != "int64" || d.Table() == nil {
		t.Errorf("described: %+v", d)
	}
	for _, r := range p.Requests() {
		if r.Method == http.MethodGet && strings.HasPrefix(r.Key, "/lake/t/") && r.IfMatch == "" {
			t.Errorf("a read without If-Match: %+v", r)
		}
	}
}

// wide writes a table of 40 columns and so many row groups: column k holds k times
// the row.
func wide(t testing.TB, groups, rowsOfGroup int) []byte {
	t.Helper()
	var fields []arrow.Field
	for k := range 40 {
		fields = append(fields, arrow.Field{Name: fmt.Sprintf("c%02d", k), Type: arrow.PrimitiveTypes.Int64})
	}
	r := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, nil))
	for i := range groups * rowsOfGroup {
		for k := range 40 {
			r.Field(k).(*array.Int64Builder).Append(int64(i * (k + 1)))
		}
	}
	at := writeArrow(&testing.T{}, r.NewRecordBatch(), parquet.WithMaxRowGroupLength(int64(rowsOfGroup)), parquet.WithDictionaryDefault(false), parquet.WithDataPageSize(20<<10))
	defer os.Remove(at)
	return must(os.ReadFile(at))
}

// TestRemoteBytes holds that nothing is fetched but the columns that are asked for,
// and the footer: gaps of 160 KB and more are not worth a request.
func TestRemoteBytes(t *testing.T) {
	s := storetest.Start(t)
	s.Put("wide.parquet", wide(t, 3, 20_000)) // 160 KB a column chunk
	p := storetest.Before(t, s.URL, storetest.Schedule{})
	f := hasty(0)
	for _, columns := range [][]string{{"c00"}, {"c05", "c06"}, {"c39", "c02", "c20"}, {"c10", "c12"}} {
		table := must(f.Find(t.Context(), "s3://lake/wide.parquet"))
		footer := int64(0)
		for _, r := range p.Requests() {
			footer += r.Bytes
		}
		if footer > footerGuess {
			t.Errorf("%v: the footer took %d bytes", columns, footer)
		}
		if _, rows := readAll(t, must(table.Read(columns))); rows != 60_000 {
			t.Fatalf("%v: %d rows", columns, rows)
		}
		var chosen []place
		total := int64(0)
		for g := range table.Files[0].meta.RowGroups {
			for _, c := range columns {
				at := placeOf(&table.Files[0].meta.RowGroups[g].Columns[table.Files[0].column(c).index].MetaData)
				chosen, total = append(chosen, at), total+at.to-at.from
			}
		}
		requests, bytes := 0, int64(0)
		for _, r := range p.Requests() {
			var from, to int64
			if _, err := fmt.Sscanf(r.Range, "bytes=%d-%d", &from, &to); err != nil {
				t.Fatalf("%v: a request without a range: %+v", columns, r)
			}
			requests, bytes = requests+1, bytes+r.Bytes
			for at := from; at <= to; at++ {
				if !slices.ContainsFunc(chosen, func(p place) bool { return at >= p.from && at < p.to }) {
					t.Fatalf("%v: byte %d is fetched, which lies in no chunk", columns, at)
				}
			}
		}
		if bytes != total {
			t.Errorf("%v: %d bytes are fetched, and the chunks have %d", columns, bytes, total)
		}
		if most := len(columns) * 3; requests > most || columns[0] == "c05" && requests != 3 {
			t.Errorf("%v: %d requests, want at most %d", columns, requests, most)
		}
	}
}

// TestRemoteGaps holds that short gaps are fetched with what is around them: one
// request a row group in place of two.
func TestRemoteGaps(t *testing.T) {
	s := storetest.Start(t)
	s.Put("wide.parquet", wide(t, 3, 5000)) // 40 KB a column chunk
	p := storetest.Before(t, s.URL, storetest.Schedule{})
	table := must(hasty(0).Find(t.Context(), "s3://lake/wide.parquet"))
	p.Requests()
	if _, rows := readAll(t, must(table.Read([]string{"c02", "c00"}))); rows != 15_000 {
		t.Fatalf("%d rows", rows)
	}
	bytes, want := int64(0), int64(0)
	all := p.Requests()
	for _, r := range all {
		bytes += r.Bytes
	}
	for g := range 3 {
		columns := table.Files[0].meta.RowGroups[g].Columns
		want += placeOf(&columns[2].MetaData).to - placeOf(&columns[0].MetaData).from
	}
	if len(all) != 3 || bytes != want {
		t.Errorf("%d requests for %d bytes, want 3 for %d", len(all), bytes, want)
	}
}

// TestRemoteMemory holds R6: how much is held, whatever the size of row groups.
func TestRemoteMemory(t *testing.T) {
	for columns, most := range map[int]int64{1: 3 * windowMost, 3: 9 * windowMost, 10: heldMost, 32: heldMost, 100: 300 * windowLeast} {
		if held := int64(columns) * windowsMost * windowSize(columns); held > most {
			t.Errorf("%d columns hold %d bytes, want at most %d", columns, held, most)
		}
	}
	s := storetest.Start(t)
	s.Put("wide.parquet", wide(t, 2, 50_000)) // 400 KB a chunk: 40 windows of 10 KB
	var open, most atomic.Int64
	storetest.Before(t, s.URL, storetest.Schedule{Choose: func(int, *http.Request) storetest.Fault { return storetest.None }})
	table := must(hasty(10_000).Find(t.Context(), "s3://lake/wide.parquet"))
	part := must(table.Parts([]string{"c00", "c20"}, 1))[0].(*part)
	var b event.Batch
	for part.Read(t.Context(), &b) == nil {
		held := int64(0)
		for _, c := range part.cursors {
			for _, w := range []*window{c.pages.feed.near, c.pages.feed.far} {
				if w != nil {
					held += int64(len(w.data))
				}
			}
		}
		for _, f := range part.coming {
			held += int64(len(f.near.data))
		}
		open.Store(held)
		most.Store(max(most.Load(), held))
	}
	if most.Load() == 0 || most.Load() > 2*windowsMost*10_000 {
		t.Errorf("%d bytes were held", most.Load())
	}
	part.Close()
}

// schedules is how many schedules of failures are tried; integration tries 500.
var schedules = flag.Int("schedules", 50, "schedules of failures to read under")

// TestRemoteFaults reads a table under schedules of failures. Each time it gets
// the same rows, or an error that says what was wrong.
func TestRemoteFaults(t *testing.T) {
	s := storetest.Start(t)
	upload(t, s, "testdata/hive/dt=2026-01-02", "hive/dt=2026-01-02")
	s.Put("hive/dt=2026-01-09/region=c/wide.parquet", wide(t, 2, 500))
	names := []string{"id", "dt", "region", "c00", "c39"}
	want := ""
	whole, failed := 0, map[string]int{}
	for seed := range uint64(*schedules) {
		rng := rand.New(rand.NewPCG(seed, 99))
		rate := []float64{0, 0.05, 0.3, 0.6, 0.9}[seed%5]
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			p := storetest.Before(t, s.URL, storetest.Schedule{Seed: seed, Rate: rate})
			text, err := readRemote(t, hasty(int64(1000+rng.IntN(9000))), names)
			requests := len(p.Requests())
			switch {
			case seed == 0:
				want = text
				fallthrough
			case err == nil:
				if whole++; text != want || text == "" {
					t.Fatal("other rows were read")
				}
			case rate == 0 || !strings.HasSuffix(err.Error(), "(8 attempts)") || !strings.Contains(err.Error(), "s3://lake/hive"):
				t.Fatalf("an error that does not say enough: %v", err)
			default:
				failed[err.Error()[strings.LastIndex(err.Error(), ": ")+2:]]++
			}
			if requests > 4000 {
				t.Fatalf("%d requests", requests)
			}
		})
	}
	t.Logf("%d schedules gave all rows; errors: %v", whole, failed)
	if whole < *schedules/2 || len(failed) == 0 {
		t.Errorf("%d of %d schedules gave all rows, and %d errors were met: the schedules proves little", whole, *schedules, len(failed))
	}
}

func readRemote(t *testing.T, f Finder, names []string) (string, error) {
	table, err := f.Find(t.Context(), "s3://lake/hive")
	if err != nil {
		return "", err
	}
	var w bytes.Buffer
	for _, p := range must(table.Parts(names, 2)) {
		defer p.Close()
		var b event.Batch
		for {
			err := p.Read(t.Context(), &b)
			if err == io.EOF {
				break
			}
			if err != nil {
				return "", err
			}
			goldenText(&w, &b)
		}
	}
	c := must(table.Carry([]string{"id", "c01"}, 500))
	defer c.Close()
	var b event.Batch
	for {
		err := c.Read(t.Context(), &b)
		if err == io.EOF {
			return w.String(), nil
		}
		if err != nil {
			return "", err
		}
		fmt.Fprintln(&w, b.Carried)
	}
}

// TestRemoteChanged refuses an object that is written anew, or deleted, between two
// windows; the server of the test ignores If-Match.
func TestRemoteChanged(t *testing.T) {
	s := storetest.Start(t)
	content := wide(t, 4, 20_000)
	for what, change := range map[string]func(){
		"it was changed while it was being read; run again": func() {
			other := bytes.Clone(content)
			other[100]++
			s.Put("wide.parquet", other)
		},
		"it is not there": func() { s.Delete("wide.parquet") },
	} {
		for _, carry := range []bool{false, true} {
			s.Put("wide.parquet", content)
			table := must(hasty(10_000).Find(t.Context(), "s3://lake/wide.parquet"))
			source := must(table.Read([]string{"c00", "c20"}))
			if carry {
				source = must(table.Carry(nil, 100))
			}
			var b event.Batch
			if err := source.Read(t.Context(), &b); err != nil {
				t.Fatal(err)
			}
			change()
			_, err := readError(t, source)
			if err == nil || !strings.HasPrefix(err.Error(), "read s3://lake/wide.parquet: ") || !strings.HasSuffix(err.Error(), what) {
				t.Errorf("carried %v: %v, want %q", carry, err, what)
			}
		}
	}
}

// TestRemoteDamaged reads damaged objects as damaged files are read: where a file is
// refused, an object is, and where one can be read, both have the same rows.
func TestRemoteDamaged(t *testing.T) {
	s := storetest.Start(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	at := filepath.Join(t.TempDir(), "damaged.parquet")
	for _, name := range damaged {
		b := must(os.ReadFile("testdata/" + name + ".parquet"))
		for range 5 {
			c := bytes.Clone(b)
			for range 1 + rng.IntN(4) {
				c[4+rng.IntN(len(c)-12)] ^= byte(1 << rng.IntN(8))
			}
			write(t, at, c)
			s.Put("damaged.parquet", c)
			local, err := Find(at)
			remote, errRemote := hasty(int64(200+rng.IntN(2000))).Find(t.Context(), "s3://lake/damaged.parquet")
			if (err == nil) != (errRemote == nil) {
				t.Fatalf("%s: %v as a file, %v as an object", name, err, errRemote)
			}
			if err != nil || local.Rows() > 1<<20 {
				continue
			}
			for _, f := range local.Schema() {
				a, err := local.Read([]string{f.Name})
				b, errRemote := remote.Read([]string{f.Name})
				if (err == nil) != (errRemote == nil) {
					t.Fatalf("%s, column %s: %v as a file, %v as an object", name, f.Name, err, errRemote)
				}
				if err != nil {
					continue
				}
				n, err := readError(t, a)
				m, errRemote := readError(t, b)
				if n != m || (err == nil) != (errRemote == nil) {
					t.Fatalf("%s, column %s: %d rows (%v) as a file, %d (%v) as an object", name, f.Name, n, err, m, errRemote)
				}
			}
			if c, err := remote.Carry(nil, 1000); err == nil {
				rows, err := readError(t, c)
				if err == nil && int64(rows) != remote.Rows() {
					t.Fatalf("%s: %d rows carried without an error", name, rows)
				}
			}
		}
	}
}

// TestRemoteCancelled holds that a reading that is cancelled ends, and that one that
// is closed early leaves nothing behind.
func TestRemoteCancelled(t *testing.T) {
	s := storetest.Start(t)
	s.Put("wide.parquet", wide(t, 4, 20_000))
	table := must(hasty(10_000).Find(t.Context(), "s3://lake/wide.parquet"))
	source := must(table.Read([]string{"c00"}))
	var b event.Batch
	if err := source.Read(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	if err := source.Close(); err != nil {
		t.Fatal(err)
	}
	if err := source.Read(t.Context(), &b); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("read after close: %v", err)
	}
}

// TestRemoteWithin holds that of objects in folders which a span does not meet
// nothing is fetched once the table is found, by either way of reading.
func TestRemoteWithin(t *testing.T) {
	s := storetest.Start(t)
	whole := wide(t, 1, 5000)
	for day := 1; day <= 5; day++ {
		s.Put(fmt.Sprintf("tx/dt=2026-01-0%d/a.parquet", day), whole)
		s.Put(fmt.Sprintf("tx/dt=2026-01-0%d/_SUCCESS", day), nil)
	}
	p := storetest.Before(t, s.URL, storetest.Schedule{})
	table := must(hasty(0).Find(t.Context(), "s3://lake/tx"))
	if err := table.Partition([]string{"dt"}); err != nil {
		t.Fatal(err)
	}
	from := must(event.ParseTime("2026-01-02"))
	some := table.Within(event.Span{From: from, To: must(event.ParseTime("2026-01-04"))})
	for name, s := range map[string]event.Source{"read": must(some.Read([]string{"c03"})), "carry": must(some.Carry([]string{"c03"}, 1000))} {
		p.Requests()
		if rows, err := readError(t, s); rows != 10_000 || err != nil {
			t.Fatalf("%s: %d rows, %v", name, rows, err)
		}
		for _, r := range p.Requests() {
			if !strings.Contains(r.Key, "dt=2026-01-02/a") && !strings.Contains(r.Key, "dt=2026-01-03/a") {
				t.Errorf("%s: %s is fetched", name, r.Key)
			}
		}
	}
	if until, _, ok := table.Complete("_SUCCESS"); !ok || until != must(event.ParseTime("2026-01-06")) {
		t.Errorf("complete until %s (%v)", until, ok)
	}
}
