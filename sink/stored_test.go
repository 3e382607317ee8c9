package sink

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/store"
	"github.com/timeseam/timeseam/store/storetest"
)

// hasty is a client that does not wait between attempts.
func hasty() *store.Client {
	return store.New(store.Options{Pause: func(int) time.Duration { return 0 }, Stall: 10 * time.Second})
}

// lake is the bucket of tests.
func lake(t *testing.T) *store.Bucket {
	t.Helper()
	b, err := hasty().Bucket(t.Context(), storetest.Bucket)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// keys lists what is in the bucket, uploads under way too.
func keys(t *testing.T) (all []string) {
	t.Helper()
	b := lake(t)
	objects, err := b.List(t.Context(), "")
	waiting, more := b.Pending(t.Context(), "")
	if err = errors.Join(err, more); err != nil {
		t.Fatal(err)
	}
	for _, o := range objects {
		all = append(all, o.Key)
	}
	for _, p := range waiting {
		all = append(all, p.Key+" (under way)")
	}
	return all
}

func at3(key string) string { return store.Scheme + storetest.Bucket + "/" + key }

// opened opens the output of a place in the store.
func opened(t *testing.T, p Place) Output {
	t.Helper()
	p.Store = hasty()
	s, err := resolved(t, p).Open(t.Context(), one())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// put writes values to a place in the store, commits, and attaches the papers.
func put(t *testing.T, p Place, manifest string, v ...int64) error {
	t.Helper()
	return committed3(t, opened(t, p), manifest, v...)
}

func committed3(t *testing.T, s Output, manifest string, v ...int64) error {
	t.Helper()
	defer s.Close()
	if err := s.Write(t.Context(), oneBatch(v...)); err != nil {
		return err
	}
	if err := s.Commit(t.Context()); err != nil {
		return err
	}
	if err := s.Attach(t.Context(), ReportSuffix, []byte("report of "+manifest)); err != nil {
		return err
	}
	return s.Attach(t.Context(), ManifestSuffix, []byte(manifest))
}

// scattered is values that no format makes small.
func scattered(seed uint64, n int) []int64 {
	rng, v := rand.New(rand.NewPCG(seed, seed)), make([]int64, n)
	for i := range v {
		v[i] = int64(rng.Uint64())
	}
	return v
}

// large is more values than one part holds.
const large = 2_400_000

// TestStoredConforms holds outputs in a store to what all sinks hold. Their paths are
// made keys, and what is written is fetched to be read.
func TestStoredConforms(t *testing.T) {
	s := storetest.Start(t)
	key := func(path string) string { return strings.TrimPrefix(filepath.ToSlash(path), "/") }
	kinds := map[string]struct {
		place  Place
		ending string
	}{
		"file":   {ending: ".parquet"},
		"folder": {place: Place{FileSize: 1 << 30}, ending: "/part-00000.parquet"},
	}
	for name, c := range kinds {
		t.Run(name, func(t *testing.T) {
			conformance(t, kind{
				open: func(path string, o Options) (event.Sink, error) {
					p := c.place
					p.Path, p.Store = at3(key(path)), hasty()
					if c.place.FileSize == 0 {
						p.Path += c.ending
					}
					target, err := p.Resolve()
					if err != nil {
						return nil, err
					}
					return target.Open(t.Context(), o)
				},
				read: func(t *testing.T, path string) arrow.RecordBatch {
					if err := os.WriteFile(path, s.Get(key(path)+c.ending), 0o666); err != nil {
						t.Fatal(err)
					}
					return readParquet(t, path)
				},
				shown: func(t *testing.T, path string) bool { return s.Get(key(path)+c.ending) != nil },
			})
			for _, key := range keys(t) {
				if strings.Contains(key, "manifest") || strings.Contains(key, "under way") {
					t.Errorf("%s was left behind", key)
				}
			}
		})
	}
}

// TestStoredBytes holds that an output in a store is the same bytes as one in the
// file system (O1).
func TestStoredBytes(t *testing.T) {
	s := storetest.Start(t)
	for i, p := range []Place{
		{Path: "a.parquet"}, {Path: "a.csv.gz"}, {Path: "a.arrow"}, {Path: "a.jsonl.zst"}, {Path: "a.tfrecord"},
		{Path: "f/"}, {Path: "f/", FileSize: 20_000}, {Path: "p/", PartitionBy: "k"}, {Path: "p/", PartitionBy: "k", FileSize: 9000, Format: "csv", Compression: "gzip"},
		{Path: "days/", Interval: day(3)}, {Path: "days/", Interval: day(3), PartitionBy: "k"},
	} {
		o := Options{Schema: event.Schema{{Name: "v", Type: event.Of(event.Int)}, {Name: "k", Type: event.Of(event.Int)}}}
		values := scattered(1, 20_000)
		groups := make([]int64, len(values))
		for i, v := range values {
			groups[i] = v & 3
		}
		make := func(root string) (*Target, []Written) {
			p.Path, p.Store = root+strings.TrimPrefix(p.Path, root), hasty()
			target := resolved(t, p)
			out, err := target.Open(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			defer out.Close()
			b := &event.Batch{Len: len(values), Columns: []event.Column{{Type: event.Of(event.Int), Ints: values}, {Type: event.Of(event.Int), Ints: groups}}}
			if err := errors.Join(out.Write(t.Context(), b), out.Commit(t.Context()), out.Attach(t.Context(), ManifestSuffix, []byte("m"))); err != nil {
				t.Fatal(err)
			}
			return target, out.Written()
		}
		plain := p
		local, want := make(t.TempDir() + "/")
		p = plain
		remote, got := make(at3(fmt.Sprint(i, "/")))
		if len(want) != len(got) {
			t.Fatalf("%v: %d files, and %d in the file system", p.Path, len(got), len(want))
		}
		for n := range want {
			if got[n].ETag == "" {
				t.Errorf("%s: no ETag", got[n].Path)
			}
			if got[n].ETag = ""; got[n] != want[n] {
				t.Errorf("%v, and %v in the file system", got[n], want[n])
			}
			data, err := os.ReadFile(filepath.Join(local.Path(), want[n].Path))
			if err != nil {
				t.Fatal(err)
			}
			key := strings.TrimPrefix(under(remote.Path(), want[n].Path), at3(""))
			if !bytes.Equal(s.Get(strings.TrimSuffix(key, "/")), data) {
				t.Errorf("%s has other bytes than in the file system", key)
			}
		}
		if beside := strings.TrimPrefix(remote.Beside(ManifestSuffix), at3("")); string(s.Get(beside)) != "m" {
			t.Errorf("no manifest at %s", beside)
		}
	}
}

// TestStoredKilled holds that uploads and the claim of a run that was killed are put
// in order by the next, and that uploads to other outputs are let be.
func TestStoredKilled(t *testing.T) {
	for _, p := range []Place{{Path: at3("out/train.arrow")}, {Path: at3("out/train"), FileSize: 1 << 30, Format: "arrow"}} {
		s := storetest.Start(t)
		killed := opened(t, p)
		if err := killed.Write(t.Context(), oneBatch(scattered(4, large)...)); err != nil {
			t.Fatal(err)
		}
		if f, ok := killed.(*Folder); ok { // Its file is sent when it is whole.
			if err := f.finish(); err != nil {
				t.Fatal(err)
			}
		}
		s.Put("out/train.arrow.manifest.json", claimText())
		s.Put("out/train.manifest.json", claimText())
		other := lake(t).Upload(t.Context(), "out/train.arrow2")
		if _, err := other.Write(make([]byte, store.PartBytes)); err != nil {
			t.Fatal(err)
		}
		if n := len(keys(t)); n != 4 {
			t.Fatalf("there are %q, want two uploads and two claims", keys(t))
		}
		if err := put(t, p, "next", 1); err != nil {
			t.Fatal(err)
		}
		if left := keys(t); len(left) != 5 || left[4] != "out/train.arrow2 (under way)" {
			t.Errorf("the next run leaves %q", left)
		}
	}
}

// TestStoredFolder holds that a folder is replaced as a whole, and only one that runs
// have written.
func TestStoredFolder(t *testing.T) {
	s := storetest.Start(t)
	t.Setenv("TMPDIR", t.TempDir())
	p := Place{Path: at3("set/"), PartitionBy: "k"}
	o := Options{Schema: event.Schema{{Name: "v", Type: event.Of(event.Int)}, {Name: "k", Type: event.Of(event.Int)}}}
	write := func(groups ...int64) error {
		p.Store = hasty()
		out, err := resolved(t, p).Open(t.Context(), o)
		if err != nil {
			return err
		}
		defer out.Close()
		b := &event.Batch{Len: len(groups), Columns: []event.Column{{Type: event.Of(event.Int), Ints: groups}, {Type: event.Of(event.Int), Ints: groups}}}
		return errors.Join(out.Write(t.Context(), b), out.Commit(t.Context()), out.Attach(t.Context(), ManifestSuffix, []byte("m")))
	}
	s.Put("set/", nil) // Some tools mark a folder so.
	for _, c := range []struct {
		groups []int64
		want   []string
	}{
		{[]int64{1, 2, 3}, []string{"set.manifest.json", "set/", "set/k=1/part-00000.parquet", "set/k=2/part-00000.parquet", "set/k=3/part-00000.parquet"}},
		{[]int64{3, 4}, []string{"set.manifest.json", "set/", "set/k=3/part-00000.parquet", "set/k=4/part-00000.parquet"}},
	} {
		if err := write(c.groups...); err != nil {
			t.Fatal(err)
		}
		if got := keys(t); !slices.Equal(got, c.want) {
			t.Errorf("there are %q, want %q", got, c.want)
		}
	}
	s.Put("set/notes.txt", []byte("mine"))
	if err := write(1); err == nil || !strings.Contains(err.Error(), "output s3://lake/set: it holds notes.txt, which no run wrote") {
		t.Errorf("a folder with a file of somebody's: %v", err)
	}
	if _, err := resolved(t, Place{Path: at3("set.parquet")}).Open(t.Context(), one()); err != nil {
		t.Errorf("a file beside a folder: %v", err)
	}
	s.Put("x.parquet/part", nil)
	if _, err := resolved(t, Place{Path: at3("x.parquet")}).Open(t.Context(), one()); err == nil || !strings.Contains(err.Error(), "there is a folder of that name") {
		t.Errorf("a file where a folder is: %v", err)
	}
	left, err := filepath.Glob(filepath.Join(os.TempDir(), "timeseam-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("temporary files are left: %q", left)
	}
}

// TestStoredIntervals holds that intervals that share instants are refused, those that
// are there and those whose run is in its commit.
func TestStoredIntervals(t *testing.T) {
	s := storetest.Start(t)
	if err := put(t, Place{Path: at3("days/"), Interval: day(3)}, `{"definition":"d"}`, 1); err != nil {
		t.Fatal(err)
	}
	whole, err := ParseInterval("2026-01-03T00:00:00Z", "2026-01-05T00:00:00Z")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		place   Place
		problem string
	}{
		{Place{Interval: day(3)}, ""},
		{Place{Interval: day(4)}, ""},
		{Place{Interval: whole}, "which overlaps with 2026-01-03T000000Z_2026-01-05T000000Z"},
		{Place{Interval: day(3), Format: "csv"}, "has the interval in another form"},
		{Place{Interval: day(3), FileSize: 1 << 20}, "has the interval in another form"},
	} {
		c.place.Path, c.place.Store = at3("days/"), hasty()
		out, err := resolved(t, c.place).Open(t.Context(), one())
		if c.problem == "" && err != nil || c.problem != "" && (err == nil || !strings.Contains(err.Error(), c.problem)) {
			t.Errorf("%v: %v", c.place, err)
		}
		if err == nil {
			out.Close()
		}
	}
	s.Delete("days/2026-01-03T000000Z_2026-01-04T000000Z.parquet")
	if _, err := resolved(t, Place{Path: at3("days/"), Interval: whole}).Open(t.Context(), one()); err == nil || !strings.Contains(err.Error(), "another run is writing it; wait for its end, or remove _2026-01-03") {
		t.Errorf("an interval whose run is in its commit: %v", err)
	}
	var texts []string
	target := resolved(t, Place{Path: at3("days/"), Interval: day(9)})
	if err := target.Manifests(t.Context(), func(text []byte) bool { texts = append(texts, string(text)); return true }); err != nil || !slices.Equal(texts, []string{`{"definition":"d"}`}) {
		t.Errorf("manifests %q, %v", texts, err)
	}
}

// TestStoredGivesBack holds that a commit that fails leaves the old output with its
// own manifest, or none where there was none, and no upload.
func TestStoredGivesBack(t *testing.T) {
	for _, n := range []int{10, large} {
		for _, before := range []bool{false, true} {
			s := storetest.Start(t)
			p := Place{Path: at3("train.parquet"), Compression: "none"}
			if before {
				if err := put(t, p, "old", 1); err != nil {
					t.Fatal(err)
				}
			}
			want, data := keys(t), s.Get("train.parquet")
			storetest.Before(t, s.URL, storetest.Schedule{Choose: func(_ int, r *http.Request) storetest.Fault {
				final := strings.HasSuffix(r.URL.Path, "train.parquet") && (r.Method == http.MethodPut && r.URL.RawQuery == "x-id=PutObject" || r.Method == http.MethodPost && strings.HasPrefix(r.URL.RawQuery, "uploadId"))
				if final {
					return storetest.SlowDown
				}
				return storetest.None
			}})
			err := put(t, p, "new", scattered(5, n)...)
			if err == nil || err.Error() != "write s3://lake/train.parquet: its server asks to slow down; run again later (8 attempts)" {
				t.Errorf("a commit that fails: %v", err)
			}
			if got := keys(t); !slices.Equal(got, want) || !bytes.Equal(s.Get("train.parquet"), data) {
				t.Errorf("there are %q, want %q", got, want)
			}
			if before && string(s.Get("train.parquet.manifest.json")) != "old" {
				t.Errorf("the manifest is %q", s.Get("train.parquet.manifest.json"))
			}
		}
	}
}

// TestStoredUnfinished holds that a folder that was replaced in part says so, and
// that the next run puts it in order.
func TestStoredUnfinished(t *testing.T) {
	s := storetest.Start(t)
	p := Place{Path: at3("set/"), FileSize: 1}
	if err := put(t, p, "old", make([]int64, 3000)...); err != nil {
		t.Fatal(err)
	}
	fail := true
	storetest.Before(t, s.URL, storetest.Schedule{Choose: func(_ int, r *http.Request) storetest.Fault {
		if fail && r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "part-00001.parquet") {
			return storetest.Broken
		}
		return storetest.None
	}})
	err := put(t, p, "new", scattered(1, 3000)...)
	if err == nil || !strings.HasSuffix(err.Error(), "; what stands there now is unfinished, as its manifest says, until a run succeeds") {
		t.Errorf("a folder that was replaced in part: %v", err)
	}
	if m := string(s.Get("set.manifest.json")); !strings.Contains(m, `"unfinished"`) {
		t.Errorf("its manifest is %q", m)
	}
	fail = false
	if err := put(t, p, "new", scattered(1, 3000)...); err != nil || string(s.Get("set.manifest.json")) != "new" {
		t.Errorf("the next run: %v", err)
	}
}

// TestStoredWithdrawn holds that an output is taken away whose manifest cannot be
// written.
func TestStoredWithdrawn(t *testing.T) {
	s := storetest.Start(t)
	puts := 0
	storetest.Before(t, s.URL, storetest.Schedule{Choose: func(_ int, r *http.Request) storetest.Fault {
		if r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, ManifestSuffix) {
			if puts++; puts > 2 { // The claim, and the question whether there are conditions.
				return storetest.Broken
			}
		}
		return storetest.None
	}})
	err := put(t, Place{Path: at3("train.parquet")}, "new", 1)
	if err == nil || !strings.HasPrefix(err.Error(), "write s3://lake/train.parquet.manifest.json: its server failed with status 500") {
		t.Errorf("a manifest that cannot be written: %v", err)
	}
	if left := keys(t); len(left) > 0 {
		t.Errorf("left are %q", left)
	}
}

// TestStoredUnconditional holds that a store without conditions is written to all
// the same, with a warning, and that one run after the other is still told from two
// at once as far as a look at what is there can.
func TestStoredUnconditional(t *testing.T) {
	for name, answer := range map[string]func(w http.ResponseWriter, r *http.Request) bool{
		"ignored": func(_ http.ResponseWriter, r *http.Request) bool {
			r.Header.Del("If-None-Match")
			r.Header.Del("If-Match")
			return false
		},
		"refused": func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodGet || r.Header.Get("If-None-Match") == "" && r.Header.Get("If-Match") == "" {
				return false
			}
			w.WriteHeader(http.StatusNotImplemented)
			return true
		},
	} {
		s := storetest.Start(t)
		storetest.Front(t, s.URL, answer)
		var said []string
		p := Place{Path: at3("train.parquet"), Warn: func(what string) { said = append(said, what) }}
		for _, manifest := range []string{"one", "two"} {
			if err := put(t, p, manifest, 1, 2); err != nil || string(s.Get("train.parquet.manifest.json")) != manifest {
				t.Errorf("%s: %v", name, err)
			}
		}
		if len(said) != 2 || !strings.Contains(said[0], "no conditional writes") {
			t.Errorf("%s: said %q", name, said)
		}
		late := opened(t, p)
		if err := put(t, p, "three", 3); err != nil {
			t.Fatal(err)
		}
		if err := committed3(t, late, "late", 4); !errors.Is(err, errTaken) {
			t.Errorf("%s: the second of two runs: %v", name, err)
		}
		late = opened(t, p)
		s.Put("train.parquet", []byte("by hand"))
		if err := committed3(t, late, "late", 4); !errors.Is(err, errTaken) || string(s.Get("train.parquet")) != "by hand" {
			t.Errorf("%s: over what came meanwhile: %v", name, err)
		}
	}
}

// TestStoredDenied holds that a run that may not write, or whose bucket is not there,
// hears it before it has done its work.
func TestStoredDenied(t *testing.T) {
	s := storetest.Start(t)
	storetest.Front(t, s.URL, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodGet {
			return false
		}
		w.WriteHeader(http.StatusForbidden)
		return true
	})
	for path, problem := range map[string]string{
		at3("x.parquet"):           "output s3://lake/x.parquet: access is denied",
		"s3://elsewhere/x.parquet": "output s3://elsewhere/x.parquet: there is no bucket elsewhere",
	} {
		_, err := resolved(t, Place{Path: path, Store: hasty()}).Open(t.Context(), one())
		if err == nil || !strings.HasPrefix(err.Error(), problem) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestStoredPlaces holds which addresses make sense.
func TestStoredPlaces(t *testing.T) {
	for _, c := range []struct {
		place Place
		path  string // or the problem
	}{
		{Place{Path: "s3://lake/a.parquet"}, "s3://lake/a.parquet"},
		{Place{Path: "S3://lake/a.parquet"}, "s3://lake/a.parquet"},
		{Place{Path: "s3://lake/a/"}, "s3://lake/a"},
		{Place{Path: "s3://lake/a", FileSize: 1}, "s3://lake/a"},
		{Place{Path: "s3://lake", Interval: day(3)}, "s3://lake/2026-01-03T000000Z_2026-01-04T000000Z.parquet"},
		{Place{Path: "s3://lake/"}, "output s3://lake/ is a whole bucket; name a folder in it, such as s3://lake/training/"},
		{Place{Path: "s3://lake//a.parquet"}, "output s3://lake//a.parquet has an empty name, . or .. between slashes; write s3://lake/a.parquet"},
		{Place{Path: "s3://lake/a/../b/"}, "write s3://lake/b"},
		{Place{Path: "s3:///a.parquet"}, "names no bucket"},
		{Place{Path: "s3://key:secret@lake/a.parquet"}, "credentials do not belong into an address"},
		{Place{Path: "s3://lake/a"}, "is no format that is built"},
	} {
		target, err := c.place.Resolve()
		switch {
		case err != nil && (!strings.Contains(err.Error(), c.path) || strings.Contains(err.Error(), "secret@")):
			t.Errorf("%s: %v", c.place.Path, err)
		case err == nil && target.Path() != c.path:
			t.Errorf("%s: %s", c.place.Path, target.Path())
		}
	}
}

// TestStoredCalledOff holds that a run that is called off while it sends leaves no
// upload.
func TestStoredCalledOff(t *testing.T) {
	storetest.Start(t)
	ctx, cancel := context.WithCancel(t.Context())
	s, err := resolved(t, Place{Path: at3("train.arrow"), Store: hasty()}).Open(ctx, one())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Write(ctx, oneBatch(scattered(6, large)...)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := s.Commit(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("commit: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if left := keys(t); len(left) > 0 {
		t.Errorf("left are %q", left)
	}
}
