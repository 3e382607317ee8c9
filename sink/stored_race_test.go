package sink

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/timeseam/timeseam/store/storetest"
)

// TestStoredRace holds that of two runs of one output at the same time one succeeds,
// and the other says so and leaves nothing, whether there was an output before, and
// whether they are small or large.
func TestStoredRace(t *testing.T) {
	for _, before := range []bool{false, true} {
		for _, n := range []int{10, large} {
			s := storetest.Start(t)
			p := Place{Path: at3("out/train.parquet"), Compression: "none"}
			if before {
				if err := put(t, p, "old", 1); err != nil {
					t.Fatal(err)
				}
			}
			first, second := opened(t, p), opened(t, p)
			if err := second.Write(t.Context(), oneBatch(scattered(2, n)...)); err != nil {
				t.Fatal(err)
			}
			if err := committed3(t, first, "first", scattered(3, n)...); err != nil {
				t.Fatalf("the first of two runs: %v", err)
			}
			want := s.Get("out/train.parquet")
			err := second.Commit(t.Context())
			if !errors.Is(err, errTaken) || !strings.HasPrefix(err.Error(), "write s3://lake/out/train.parquet: another run has written it") {
				t.Errorf("the second of two runs: %v", err)
			}
			second.Close()
			if !bytes.Equal(s.Get("out/train.parquet"), want) || string(s.Get("out/train.parquet.manifest.json")) != "first" {
				t.Errorf("the second of two runs changed what the first wrote")
			}
			if left := keys(t); len(left) != 3 {
				t.Errorf("there are %q", left)
			}
		}
	}
}

// TestStoredRaceInCommit holds that a run that is overtaken in the midst of its
// commit, by one that takes its claim for that of a killed run, does not put its
// manifest beside what the other wrote.
func TestStoredRaceInCommit(t *testing.T) {
	s := storetest.Start(t)
	p := Place{Path: at3("out/")}
	slow := opened(t, p)
	if err := errors.Join(slow.Write(t.Context(), oneBatch(1, 2)), slow.Commit(t.Context())); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(s.Get("out.manifest.json")), "unfinished") {
		t.Errorf("between commit and manifest stands %q", s.Get("out.manifest.json"))
	}
	if err := put(t, p, "other", 3); err != nil {
		t.Fatal(err)
	}
	want := s.Get("out/part-00000.parquet")
	if err := slow.Attach(t.Context(), ManifestSuffix, []byte("slow")); !errors.Is(err, errTaken) {
		t.Errorf("the run that was overtaken: %v", err)
	}
	slow.Close()
	if string(s.Get("out.manifest.json")) != "other" || !bytes.Equal(s.Get("out/part-00000.parquet"), want) {
		t.Error("the run that was overtaken changed what the other wrote")
	}
}

// TestStoredRaceBetween holds that a run that is overtaken between two of its requests
// notices by the conditions of those that follow: at its claim, and at its files.
func TestStoredRaceBetween(t *testing.T) {
	for _, at := range []string{"/out.manifest.json", "/out/part-0000"} {
		s := storetest.Start(t)
		p := Place{Path: at3("out/"), FileSize: 1}
		direct := hasty()
		if _, err := direct.Bucket(t.Context(), storetest.Bucket); err != nil {
			t.Fatal(err)
		}
		var once sync.Once
		storetest.Front(t, s.URL, func(_ http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodPut && strings.Contains(r.URL.Path, at) {
				once.Do(func() { // Whoever comes beside the first waits for its end.
					p.Store = direct
					out, err := resolved(t, p).Open(t.Context(), one())
					if err != nil {
						t.Error(err)
						return
					}
					if err := committed3(t, out, "first", scattered(7, 3000)...); err != nil {
						t.Error(err)
					}
				})
			}
			return false
		})
		err := put(t, p, "second", scattered(8, 3000)...)
		if !errors.Is(err, errTaken) || strings.Contains(err.Error(), "unfinished") {
			t.Errorf("overtaken before %s: %v", at, err)
		}
		want := scattered(7, 3000)
		if got := string(s.Get("out.manifest.json")); got != "first" {
			t.Errorf("overtaken before %s: the manifest is %q", at, got)
		}
		for n := range 3 {
			name := fmt.Sprintf("out/part-0000%d.parquet", n)
			file := filepath.Join(t.TempDir(), "x.parquet")
			if err := os.WriteFile(file, s.Get(name), 0o666); err != nil {
				t.Fatal(err)
			}
			if v := readParquet(t, file).Column(0).(*array.Int64).Value(0); v != want[n*1024] {
				t.Errorf("overtaken before %s: %s is not the other run's", at, name)
			}
		}
	}
}
