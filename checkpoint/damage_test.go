package checkpoint_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/timeseam/timeseam/checkpoint"
	"github.com/timeseam/timeseam/shelf"
)

// rewriteHead replaces words of a file's head, and makes the file whole again: all sums
// are right.
func rewriteHead(path, old, text string) error {
	return rewrite(path, func(head []byte) []byte { return bytes.Replace(head, []byte(old), []byte(text), 1) }, nil)
}

// rewrite writes a file anew with another head or other sections.
func rewrite(path string, head func([]byte) []byte, section func(view, number int, b []byte) []byte) error {
	s, err := shelf.OpenSnapshot(path)
	if err != nil {
		return err
	}
	defer s.Close()
	var b bytes.Buffer
	w, err := shelf.NewSnapshotWriter(&b)
	if err != nil {
		return err
	}
	var buffer []byte
	err = s.Each(func(view, number, rows int) error {
		buffer = buffer[:0]
		one, err := s.Section(view, number, &buffer)
		if err != nil {
			return err
		}
		if section != nil {
			one = section(view, number, one)
		}
		return w.Add(view, number, rows, one)
	})
	if err != nil {
		return err
	}
	if _, _, err := w.Finish(head(bytes.Clone(s.Head()))); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o666)
}

// small is a definition whose files are small.
const small = `version: 1
name: small
sources:
  tx: {history: {parquet: tx.parquet}, fields: {account_id: string, amount: double, at_time: timestamp}, event_timestamp: at_time}
entities: {account: account_id}
feature_views:
  spend: {entity: account, source: tx, windows: [1h], features: {s: sum(amount)}}
feature_services: {all: {features: [spend]}}
`

// TestTorn cuts a small file at every byte, and changes every byte: nothing of it is
// ever taken for a checkpoint, nor does anything panic.
func TestTorn(t *testing.T) {
	p, dir := planOf(t, small), t.TempDir()
	k, e := open(t, dir, checkpoint.Options{Step: 1 << 30}), engineOf(p, 1)
	e.Apply(payments(p, 1, 2))
	keep(t, k, e)
	whole, err := os.ReadFile(file(dir, 1))
	if err != nil {
		t.Fatal(err)
	}
	try := func(b []byte) error {
		if err := os.WriteFile(file(dir, 1), b, 0o666); err != nil {
			t.Fatal(err)
		}
		_, err := open(t, dir, checkpoint.Options{}).Restore(t.Context(), engineOf(p, 1), checkpoint.Newest)
		return err
	}
	if err := try(whole); err != nil {
		t.Fatal(err)
	}
	for n := range whole {
		if try(whole[:n]) == nil {
			t.Fatalf("cut at byte %d of %d, and taken for whole", n, len(whole))
		}
	}
	unused := 0
	for n := range whole {
		b := bytes.Clone(whole)
		b[n] ^= 1
		if err := try(b); err == nil {
			// Layouts are for who verifies, and are not read here.
			verdicts, err := open(t, dir, checkpoint.Options{}).Verify(t.Context())
			if unused++; err != nil || len(verdicts) != 1 || len(verdicts[0].Faults) == 0 {
				t.Fatalf("byte %d of %d changed, and nobody sees it: %v, %v", n, len(whole), verdicts, err)
			}
		}
	}
	if unused == len(whole) {
		t.Error("no change was seen")
	}
}
