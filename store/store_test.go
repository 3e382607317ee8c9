package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/timeseam/timeseam/store"
	"github.com/timeseam/timeseam/store/storetest"
)

// hasty does not wait between attempts.
func hasty() *store.Client {
	return store.New(store.Options{Pause: func(int) time.Duration { return 0 }, Stall: 10 * time.Second})
}

func bucket(t testing.TB, c *store.Client, name string) *store.Bucket {
	t.Helper()
	b, err := c.Bucket(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// noise is bytes that no two places share.
func noise(n int) []byte {
	b := make([]byte, n)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

func TestParse(t *testing.T) {
	for _, c := range []struct{ text, bucket, key, problem string }{
		{"s3://lake/tx/a.parquet", "lake", "tx/a.parquet", ""},
		{"S3://lake", "lake", "", ""},
		{"s3://lake/", "lake", "", ""},
		{"s3://lake//a b/ü.csv", "lake", "/a b/ü.csv", ""},
		{"s3://lake/a@b.csv", "lake", "a@b.csv", ""},
		{"s3:///key", "", "", "s3:///key names no bucket; write s3://BUCKET/KEY"},
		{"s3://", "", "", "s3:// names no bucket; write s3://BUCKET/KEY"},
		{"s3://AKIAX:hunter2@lake/key", "", "", "credentials do not belong into an address"},
		{"s3://*/key", "", "", "s3://*/key has a pattern for its bucket"},
		{"s3://a b/key", "", "", `has " " in its bucket's name`},
		{"s3://host:9000/lake/key", "", "", `has ":" in its bucket's name`},
		{"/tmp/x", "", "", "/tmp/x is no address of an object"},
	} {
		a, err := store.Parse(c.text)
		switch {
		case c.problem == "" && (err != nil || a != store.Address{Bucket: c.bucket, Key: c.key}):
			t.Errorf("%s: %v, %v", c.text, a, err)
		case c.problem != "" && (err == nil || !strings.Contains(err.Error(), c.problem)):
			t.Errorf("%s: error %v, and it should say %q", c.text, err, c.problem)
		case err != nil && (strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "AKIAX")):
			t.Errorf("%s: the error shows what is secret: %v", c.text, err)
		}
	}
}

func TestListAllPages(t *testing.T) {
	s := storetest.Start(t)
	for i := range 1200 {
		s.Put(fmt.Sprintf("tx/%04d", i), []byte("x"))
	}
	s.Put("ty", nil)
	b := bucket(t, hasty(), storetest.Bucket)
	all, err := b.List(t.Context(), "tx/")
	if err != nil || len(all) != 1200 || all[0].Key != "tx/0000" || all[1199].Key != "tx/1199" || all[7].Size != 1 || all[7].ETag == "" {
		t.Fatalf("%d objects, %v", len(all), err)
	}
	names, err := b.Beside(t.Context(), "")
	if err != nil || fmt.Sprint(names) != "[ty tx/]" {
		t.Fatalf("beside: %v, %v", names, err)
	}
	o, err := b.Stat(t.Context(), "tx/0007")
	if err != nil || o != (store.Object{Key: all[7].Key, Size: 1, ETag: all[7].ETag, Modified: o.Modified}) {
		t.Fatalf("stat: %v, %v; listed: %v", o, err, all[7])
	}
	if _, err := b.Stat(t.Context(), "tx/none"); !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("stat of nothing: %v", err)
	}
}

// TestReadAgain holds that reads under every fault give the object's bytes, or say
// clearly that they do not.
func TestReadAgain(t *testing.T) {
	content := noise(300_000)
	s := storetest.Start(t)
	s.Put("o", content)
	s.Put("empty", nil)
	for _, f := range []storetest.Fault{storetest.None, storetest.SlowDown, storetest.Broken, storetest.Reset, storetest.Cut, storetest.Short, storetest.Lost} {
		t.Run(fmt.Sprint("fault ", f), func(t *testing.T) {
			// Two of three requests fail.
			storetest.Before(t, s.URL, storetest.Schedule{Seed: 3, Choose: func(n int, _ *http.Request) storetest.Fault {
				if n%3 == 2 {
					return storetest.None
				}
				return f
			}})
			b := bucket(t, hasty(), storetest.Bucket)
			o, err := b.Stat(t.Context(), "o")
			if err != nil {
				t.Fatal(err)
			}
			for _, piece := range [][2]int{{0, 300_000}, {0, 1}, {299_999, 300_000}, {1000, 200_000}} {
				got := make([]byte, piece[1]-piece[0])
				if err := b.Reader(o).ReadAt(t.Context(), got, int64(piece[0])); err != nil || !bytes.Equal(got, content[piece[0]:piece[1]]) {
					t.Fatalf("bytes %v: %v", piece, err)
				}
			}
			r := b.Reader(o).Stream(t.Context(), 100_000)
			defer r.Close()
			if all, err := io.ReadAll(r); err != nil || !bytes.Equal(all, content) {
				t.Fatalf("stream: %d bytes, %v", len(all), err)
			}
		})
	}
}

// TestAttemptsEnd holds that what never succeeds is attempted as often as it may
// be, and then told.
func TestAttemptsEnd(t *testing.T) {
	s := storetest.Start(t)
	s.Put("o", noise(1000))
	o, err := bucket(t, hasty(), storetest.Bucket).Stat(t.Context(), "o")
	if err != nil {
		t.Fatal(err)
	}
	for f, words := range map[storetest.Fault]string{
		storetest.SlowDown: "its server asks to slow down; run again later (8 attempts)",
		storetest.Broken:   "its server failed with status 500; run again later (8 attempts)",
		storetest.Reset:    "its server ends connections without an answer",
	} {
		p := storetest.Before(t, s.URL, storetest.Schedule{Rate: 1, Faults: []storetest.Fault{f}})
		b := bucket(t, hasty(), storetest.Bucket)
		err := b.Reader(o).ReadAt(t.Context(), make([]byte, 10), 0)
		if err == nil || !strings.HasPrefix(err.Error(), words) || !strings.HasSuffix(err.Error(), "(8 attempts)") {
			t.Errorf("fault %d: %v", f, err)
		}
		if n := len(p.Requests()); n != 8 {
			t.Errorf("fault %d: %d requests", f, n)
		}
		if _, err := b.List(t.Context(), ""); err == nil || !strings.Contains(err.Error(), "(8 attempts)") {
			t.Errorf("fault %d: list: %v", f, err)
		}
	}
}

// TestStall holds that a connection on which nothing comes is given up, and that a
// caller's cancellation ends all waiting.
func TestStall(t *testing.T) {
	s := storetest.Start(t)
	content := noise(100_000)
	s.Put("o", content)
	storetest.Before(t, s.URL, storetest.Schedule{Choose: func(n int, _ *http.Request) storetest.Fault {
		if n == 1 {
			return storetest.Stall
		}
		return storetest.None
	}})
	b := bucket(t, store.New(store.Options{Pause: func(int) time.Duration { return 0 }, Stall: 200 * time.Millisecond}), storetest.Bucket)
	o, err := b.Stat(t.Context(), "o")
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(content))
	if err := b.Reader(o).ReadAt(t.Context(), got, 0); err != nil || !bytes.Equal(got, content) {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	storetest.Before(t, s.URL, storetest.Schedule{Choose: func(int, *http.Request) storetest.Fault { cancel(); return storetest.SlowDown }})
	b = bucket(t, store.New(store.Options{Pause: func(int) time.Duration { return time.Hour }}), storetest.Bucket)
	if err := b.Reader(o).ReadAt(ctx, got, 0); !errors.Is(err, context.Canceled) {
		t.Fatalf("cancelled: %v", err)
	}
}

// TestChanged holds that an object that is not the one that was found is refused,
// by a server that ignores If-Match.
func TestChanged(t *testing.T) {
	s := storetest.Start(t)
	content := noise(100_000)
	s.Put("o", content)
	b := bucket(t, hasty(), storetest.Bucket)
	o, err := b.Stat(t.Context(), "o")
	if err != nil {
		t.Fatal(err)
	}
	r := b.Reader(o)
	content[5]++
	s.Put("o", content)
	if err := r.ReadAt(t.Context(), make([]byte, 10), 100); !errors.Is(err, store.ErrChanged) {
		t.Errorf("a range of another content: %v", err)
	}
	if _, err := io.ReadAll(r.Stream(t.Context(), 1<<20)); !errors.Is(err, store.ErrChanged) {
		t.Errorf("all of another content: %v", err)
	}
	s.Put("o", content[:50])
	if err := r.ReadAt(t.Context(), make([]byte, 10), 100); !errors.Is(err, store.ErrChanged) {
		t.Errorf("a range that is no more: %v", err)
	}
	s.Delete("o")
	if err := r.ReadAt(t.Context(), make([]byte, 10), 100); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a range of nothing: %v", err)
	}
}
