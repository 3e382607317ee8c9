package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/timeseam/timeseam/store"
	"github.com/timeseam/timeseam/store/storetest"
)

// write makes an object of data, in writes of n bytes.
func write(t *testing.T, b *store.Bucket, key string, data []byte, n int) *store.Upload {
	t.Helper()
	u := b.Upload(t.Context(), key)
	for from := 0; from < len(data); from += n {
		if _, err := u.Write(data[from:min(from+n, len(data))]); err != nil {
			t.Fatal(err)
		}
	}
	if err := u.Finish(); err != nil {
		t.Fatal(err)
	}
	return u
}

func pending(t *testing.T, b *store.Bucket) []store.Pending {
	t.Helper()
	all, err := b.Pending(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestUpload holds that objects of all sizes arrive whole, none before its commit,
// and that nothing is left of one that is aborted.
func TestUpload(t *testing.T) {
	s := storetest.Start(t)
	b := bucket(t, hasty(), storetest.Bucket)
	for _, size := range []int{0, 1, store.PartBytes - 1, store.PartBytes, store.PartBytes + 1, 2*store.PartBytes + 12345} {
		data, key := noise(size), fmt.Sprint("out/", size)
		u := write(t, b, key, data, 3_000_001)
		if s.Get(key) != nil {
			t.Errorf("%d bytes are visible before the commit", size)
		}
		if begun := len(pending(t, b)) > 0; begun != (size >= store.PartBytes) {
			t.Errorf("%d bytes: an upload was begun: %t", size, begun)
		}
		etag, err := u.Commit(t.Context(), store.Absent)
		if err != nil || etag == "" {
			t.Fatalf("%d bytes: %q, %v", size, etag, err)
		}
		if !bytes.Equal(s.Get(key), data) {
			t.Errorf("%d bytes arrived as %d others", size, len(s.Get(key)))
		}
	}
	u := write(t, b, "out/dropped", noise(store.PartBytes+1), 1<<20)
	if err := errors.Join(u.Abort(t.Context()), u.Abort(t.Context())); err != nil {
		t.Fatal(err)
	}
	if left := pending(t, b); len(left) > 0 || s.Get("out/dropped") != nil {
		t.Errorf("left are %v and %d bytes", left, len(s.Get("out/dropped")))
	}
	if _, err := u.Write([]byte("x")); err == nil {
		t.Error("an upload that was aborted takes more")
	}
}

// TestUploadParts holds that the sizes of parts let 10,000 of them carry the largest
// object there may be, that none is larger than a store takes, and that all are of
// one size in objects of up to 7.8 GiB.
func TestUploadParts(t *testing.T) {
	var sum int64
	for n := 1; n <= 10_000; n++ {
		size := int64(store.PartSize(n))
		if n <= 1000 && size != store.PartBytes || size > 5<<30 {
			t.Fatalf("part %d has %d bytes", n, size)
		}
		sum += size
	}
	if sum < 5<<40 {
		t.Errorf("10,000 parts are %d bytes", sum)
	}
}

// TestPutConditions holds that of many writers with one condition one succeeds.
func TestPutConditions(t *testing.T) {
	storetest.Start(t)
	b := bucket(t, hasty(), storetest.Bucket)
	for _, when := range []func() store.Condition{
		func() store.Condition { return store.Absent },
		func() store.Condition {
			o, err := b.Stat(t.Context(), "k")
			if err != nil {
				t.Fatal(err)
			}
			return store.If(o)
		},
	} {
		var wins, raced int
		var mu sync.Mutex
		var all sync.WaitGroup
		condition := when()
		for i := range 8 {
			all.Go(func() {
				_, err := b.Put(t.Context(), "k", fmt.Append(nil, condition, i), condition)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					wins++
				case errors.Is(err, store.ErrRaced):
					raced++
				default:
					t.Error(err)
				}
			})
		}
		all.Wait()
		if wins != 1 || raced != 7 {
			t.Errorf("condition %q: %d succeed, %d hear that they came second", condition, wins, raced)
		}
	}
	if err := errors.Join(b.Delete(t.Context(), "k"), b.Delete(t.Context(), "k")); err != nil {
		t.Error(err)
	}
	if _, err := b.Stat(t.Context(), "k"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("deleted, it is there: %v", err)
	}
}

// TestPutLost holds that a write whose answer is lost is known to have come about,
// though its second attempt fails on the first's result.
func TestPutLost(t *testing.T) {
	s := storetest.Start(t)
	for name, parts := range map[string]int{"put": 0, "upload": 1} {
		lost := 0
		p := storetest.Before(t, s.URL, storetest.Schedule{Choose: func(n int, r *http.Request) storetest.Fault {
			final := r.Method == http.MethodPost && strings.Contains(r.URL.RawQuery, "uploadId") || parts == 0 && r.Method == http.MethodPut
			if final && lost == 0 {
				lost++
				return storetest.Lost
			}
			return storetest.None
		}})
		b := bucket(t, hasty(), storetest.Bucket)
		data := noise(parts*store.PartBytes + 5)
		u := write(t, b, name, data, 1<<20)
		if etag, err := u.Commit(t.Context(), store.Absent); err != nil || etag == "" || lost != 1 {
			t.Errorf("%s: %q, %v after %d lost answers; %v", name, etag, err, lost, p.Requests())
		}
		if !bytes.Equal(s.Get(name), data) {
			t.Errorf("%s: other bytes arrived", name)
		}
	}
}

// TestUploadEndedByAnother holds that the word of a server is not taken for an upload
// that is gone: some call it completed, if there is an object.
func TestUploadEndedByAnother(t *testing.T) {
	s := storetest.Start(t)
	storetest.Front(t, s.URL, func(w http.ResponseWriter, r *http.Request) bool {
		completes := r.Method == http.MethodPost && strings.Contains(r.URL.RawQuery, "uploadId")
		if completes {
			fmt.Fprint(w, `<CompleteMultipartUploadResult><ETag>"1-1"</ETag></CompleteMultipartUploadResult>`)
		}
		return completes
	})
	b := bucket(t, hasty(), storetest.Bucket)
	for _, there := range []bool{false, true} {
		if there {
			if _, err := b.Put(t.Context(), "k", []byte("another's"), store.Absent); err != nil {
				t.Fatal(err)
			}
		}
		u := write(t, b, "k", noise(store.PartBytes+1), 1<<20)
		if _, err := u.Commit(t.Context(), store.Anything); !errors.Is(err, store.ErrRaced) {
			t.Errorf("there is an object: %t: %v", there, err)
		}
	}
}
