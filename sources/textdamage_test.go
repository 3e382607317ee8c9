package sources

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/timeseam/timeseam/features/event"
)

// textSamples are tables of text that are compressed with a checksum.
func textSamples() map[string][]byte {
	var csv, json bytes.Buffer
	csv.WriteString("a,s\n")
	for i := range 60 {
		fmt.Fprintf(&csv, "%d,text %d\n", i, i*7919%101)
		fmt.Fprintf(&json, "{\"a\":%d,\"s\":\"text %d\"}\n", i, i*7919%101)
	}
	return map[string][]byte{"t.csv.gz": gzipped(csv.Bytes()), "t.csv.zst": zstdPacked(csv.Bytes()), "t.jsonl.gz": gzipped(json.Bytes()), "t.jsonl.zst": zstdPacked(json.Bytes())}
}

// wholeText reads a table of text every way, and returns its rows, or the error that
// all ways have.
func wholeText(t *testing.T, path string) (rows string, err error) {
	t.Helper()
	d := Dialect{JSON: strings.Contains(path, "jsonl"), Fields: event.Schema{{Name: "a", Type: event.Of(event.Int)}, {Name: "s", Type: event.Of(event.String)}}}
	table, err := FindText(path, d)
	if err == nil {
		var s event.Source
		if s, err = table.Read([]string{"a", "s"}); err == nil {
			_, err = readError(t, s)
		}
	}
	_, told := Describe(t.Context(), path)
	if (err == nil) != (told == nil) {
		t.Fatalf("%s: read with %v, described with %v", path, err, told)
	}
	if err != nil {
		return "", err
	}
	text, _ := readAll(t, must(must(FindText(path, d)).Read([]string{"a", "s"})))
	return string(text), nil
}

// TestTextCut reads compressed files that end anywhere: none is read as if it were
// whole (R3).
func TestTextCut(t *testing.T) {
	for name, whole := range textSamples() {
		at := filepath.Join(t.TempDir(), name)
		for n := range whole {
			write(t, at, whole[:n])
			if _, err := wholeText(t, at); err == nil {
				t.Errorf("%s cut at %d of %d bytes is read as if it were whole", name, n, len(whole))
			}
		}
	}
}

// TestTextFlipped changes compressed files: what is read is right, or refused.
func TestTextFlipped(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 3))
	for name, whole := range textSamples() {
		at := filepath.Join(t.TempDir(), name)
		write(t, at, whole)
		want, err := wholeText(t, at)
		if err != nil || strings.Count(want, "\n") != 60 {
			t.Fatal(want, err)
		}
		for range 100 {
			c := bytes.Clone(whole)
			for range 1 + rng.IntN(3) {
				c[4+rng.IntN(len(c)-4)] ^= byte(1 << rng.IntN(8))
			}
			write(t, at, c)
			if got, err := wholeText(t, at); err == nil && got != want {
				t.Fatalf("seed %d: %s is read, with other rows:\n%s", seed, name, got)
			}
		}
	}
}
