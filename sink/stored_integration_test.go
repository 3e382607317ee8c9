//go:build integration

package sink

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/timeseam/timeseam/store"
	"github.com/timeseam/timeseam/store/storetest"
)

// TestIntegrationRace holds what TestStoredRace does before a server with
// conditions of all writes, those that complete an upload too.
func TestIntegrationRace(t *testing.T) {
	for _, before := range []bool{false, true} {
		for _, n := range []int{10, large} {
			g := storetest.StartGateway(t)
			p := Place{Path: at3("out/train.parquet"), Compression: "none", Warn: func(what string) { t.Errorf("said %q", what) }}
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
			want := g.Get("out/train.parquet")
			if err := second.Commit(t.Context()); !errors.Is(err, errTaken) {
				t.Errorf("the second of two runs: %v", err)
			}
			second.Close()
			if !bytes.Equal(g.Get("out/train.parquet"), want) || string(g.Get("out/train.parquet.manifest.json")) != "first" {
				t.Errorf("the second of two runs changed what the first wrote")
			}
			if left := keys(t); len(left) != 3 {
				t.Errorf("there are %q", left)
			}
		}
	}
}

// TestIntegrationUpload holds that an upload is not completed over what somebody else
// wrote meanwhile, and that one which another run ended is told from a failure.
func TestIntegrationUpload(t *testing.T) {
	g := storetest.StartGateway(t)
	b := lake(t)
	begun := func() *store.Upload {
		u := b.Upload(t.Context(), "k")
		if _, err := u.Write(make([]byte, store.PartBytes+1)); err != nil {
			t.Fatal(err)
		}
		return u
	}
	late, ended := begun(), begun()
	if _, err := b.Put(t.Context(), "k", []byte("first"), store.Absent); err != nil {
		t.Fatal(err)
	}
	if _, err := late.Commit(t.Context(), store.Absent); !errors.Is(err, store.ErrRaced) {
		t.Errorf("an upload that came second: %v", err)
	}
	if err := late.Abort(t.Context()); err != nil {
		t.Error(err)
	}
	// All parts have arrived: one on its way would find out by itself.
	if err := ended.Finish(); err != nil {
		t.Fatal(err)
	}
	if err := b.AbortUpload(t.Context(), ended.Pending()); err != nil {
		t.Fatal(err)
	}
	if _, err := ended.Commit(t.Context(), store.Anything); !errors.Is(err, store.ErrRaced) {
		t.Errorf("an upload that another run ended: %v", err)
	}
	if string(g.Get("k")) != "first" {
		t.Error("another object is there")
	}
	if left := keys(t); !slices.Equal(left, []string{"k"}) {
		t.Errorf("there are %q", left)
	}
}

// TestIntegrationDenied holds what is said to a user who may do nothing, and that it is
// said before the work is done.
func TestIntegrationDenied(t *testing.T) {
	g := storetest.StartGateway(t)
	g.User("nobody")
	for path, problem := range map[string]string{
		at3("x.parquet"):         "output s3://lake/x.parquet: access is denied",
		"s3://nowhere/x.parquet": "output s3://nowhere/x.parquet: there is no bucket nowhere",
	} {
		_, err := resolved(t, Place{Path: path, Store: hasty()}).Open(t.Context(), one())
		if err == nil || !strings.HasPrefix(err.Error(), problem) {
			t.Errorf("%s: %v", path, err)
		}
	}
}
