package shelf_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/shelf"
)

// heldTypes is a column of every kind that events have.
var heldTypes = []event.Type{event.Of(event.Double), event.Of(event.Int), event.Of(event.Bool), event.DecimalOf(30, 3), event.Of(event.String), event.Of(event.Null), event.Of(event.Bytes)}

// newHeld makes keys with up to four rows each, every third with a base.
func newHeld(keys int, rng *rand.Rand) *shelf.Held {
	h := &shelf.Held{Times: []event.Time{}, Arrived: []event.Time{}}
	for k := range keys {
		h.Keys = append(h.Keys, event.Hash{Hi: uint64(k / 2), Lo: uint64(k)})
		for range rng.IntN(5) {
			h.Times, h.Arrived = append(h.Times, event.Time(rng.Int64())), append(h.Arrived, event.Time(rng.Int64()))
		}
		h.Ends = append(h.Ends, uint32(len(h.Times)))
		base := []byte{}
		if k%3 == 0 {
			base = []byte("what is left of others")[:rng.IntN(20)]
		}
		h.Bases = append(h.Bases, base)
	}
	for _, t := range heldTypes {
		c := event.Make(t)
		fill(&c, len(h.Times), rng)
		h.Columns = append(h.Columns, c)
	}
	return h
}

// aligned is bytes at a multiple of eight, as they are read from files.
func aligned(b []byte) []byte {
	var to []byte
	shelf.Reserve(&to, len(b))
	return append(to, b...)
}

// TestHeldComesBack packs keys, some of them, and none: what comes back is what was
// packed, and packed again has the same bytes.
func TestHeldComesBack(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 100 {
		h := newHeld(rng.IntN(9), rng)
		from := rng.IntN(len(h.Keys) + 1)
		to := from + rng.IntN(len(h.Keys)-from+1)
		b := aligned(h.Pack(from, to, nil))
		got, err := shelf.UnpackHeld(b, heldTypes)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got.Keys, h.Keys[from:to]) || !bytes.Equal(got.Pack(0, to-from, make([]byte, 5, 100)), b) {
			t.Fatalf("keys %d to %d came back as others", from, to)
		}
		for k := range got.Keys {
			i, j := got.Rows(k)
			x, y := h.Rows(from + k)
			if j-i != y-x || !bytes.Equal(got.Bases[k], h.Bases[from+k]) || !slices.Equal(got.Times[i:j], h.Times[x:y]) || !slices.Equal(got.Arrived[i:j], h.Arrived[x:y]) {
				t.Fatalf("key %d has rows %d to %d, want %d to %d, or others", k, i, j, x, y)
			}
			for c := range heldTypes {
				for n := range j - i {
					if event.Compare(&got.Columns[c], i+n, &h.Columns[c], x+n) != 0 {
						t.Fatalf("key %d, column %s, row %d differs", k, heldTypes[c], n)
					}
				}
			}
		}
	}
}

// newSnapshot writes a snapshot of three sections.
func newSnapshot(t *testing.T, path string, head string) {
	t.Helper()
	w, err := shelf.CreateSnapshot(path)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(2, 2))
	for n, at := range [][2]int{{0, 3}, {0, 700}, {2, 1}} {
		if err := w.Add(at[0], at[1], n, newHeld(3, rng).Pack(n, 3, nil)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Commit([]byte(head)); err != nil {
		t.Fatal(err)
	}
}

// all reads everything that a snapshot has, and is the first error.
func all(path string) error {
	s, err := shelf.OpenSnapshot(path)
	if err != nil {
		return err
	}
	defer s.Close()
	var buffer []byte
	for _, at := range [][2]int{{0, 3}, {0, 700}, {2, 1}} {
		b, err := s.Section(at[0], at[1], &buffer)
		if err != nil {
			return err
		}
		if b == nil {
			return errors.New("a section is not there")
		}
		if _, err := shelf.UnpackHeld(b, heldTypes); err != nil {
			return err
		}
	}
	if b, err := s.Section(1, 1, &buffer); b != nil || err != nil {
		return errors.New("a section that nobody wrote is there")
	}
	return nil
}

// TestSnapshotReplaces holds that a snapshot has its name only once it is whole, and
// that until then another one keeps it.
func TestSnapshotReplaces(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "s.snapshot")
	newSnapshot(t, path, "first")
	w, err := shelf.CreateSnapshot(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Add(0, 0, 1, make([]byte, 64)), all(path)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := shelf.OpenSnapshot(path)
	if err != nil || string(s.Head()) != "first" {
		t.Fatalf("what stood there is gone: %v", err)
	}
	before := s.Sum()
	s.Close()
	newSnapshot(t, path, "second")
	s, err = shelf.OpenSnapshot(path)
	if err != nil || string(s.Head()) != "second" || s.Sum() == before {
		t.Fatalf("the second has not taken its place: %v", err)
	}
	if size, rows := s.Bytes(2, 1); size == 0 || rows != 2 {
		t.Errorf("section 1 of view 2 has %d bytes and %d rows", size, rows)
	}
	s.Close()
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("there are %v (%v), want the snapshot alone", left, err)
	}
}

// TestSnapshotDamage damages a snapshot at every byte, and cuts it at every length:
// nothing of it is taken for what was written.
func TestSnapshotDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.snapshot")
	newSnapshot(t, path, `{"head": true}`)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := all(path); err != nil {
		t.Fatal(err)
	}
	for i := range whole {
		b := slices.Clone(whole)
		b[i] ^= 0x10
		if err := os.WriteFile(path, b, 0o666); err != nil {
			t.Fatal(err)
		}
		if err := all(path); !errors.Is(err, shelf.ErrSnapshot) {
			t.Fatalf("byte %d of %d is another: %v", i, len(whole), err)
		}
		if err := os.WriteFile(path, whole[:i], 0o666); err != nil {
			t.Fatal(err)
		}
		if err := all(path); !errors.Is(err, shelf.ErrSnapshot) {
			t.Fatalf("cut behind byte %d of %d: %v", i, len(whole), err)
		}
	}
}

// FuzzUnpackHeld holds that bytes which no Pack wrote are an error or hold together:
// every row, base and text of what is unpacked can be looked at.
func FuzzUnpackHeld(f *testing.F) {
	rng := rand.New(rand.NewPCG(3, 3))
	for n := range 4 {
		f.Add(newHeld(n, rng).Pack(0, n, nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := shelf.UnpackHeld(aligned(b), heldTypes)
		if err != nil {
			return
		}
		for k := range h.Keys {
			from, to := h.Rows(k)
			for row := from; row < to; row++ {
				_ = h.Times[row]
				for c := range h.Columns {
					event.Compare(&h.Columns[c], row, &h.Columns[c], from)
					if h.Columns[c].Type.Text() && !h.Columns[c].IsNull(row) {
						_ = h.Columns[c].Text(row)
					}
				}
			}
		}
		if again, err := shelf.UnpackHeld(aligned(h.Pack(0, len(h.Keys), nil)), heldTypes); err != nil || !reflect.DeepEqual(again.Keys, h.Keys) {
			t.Fatalf("packed again it is another: %v", err)
		}
	})
}
