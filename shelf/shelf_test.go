package shelf_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/shelf"
)

// types is a column of every kind.
var types = []event.Type{event.Of(event.Double), event.Of(event.Int), event.Of(event.Bool), event.DecimalOf(30, 3), event.Of(event.String), event.Of(event.Null),
	event.ListOf(event.Of(event.String)), event.MapOf(event.Of(event.String), event.ListOf(event.Of(event.Double))),
	{Kind: event.Struct, Fields: []event.Field{{Name: "a", Type: event.Of(event.Bytes)}, {Name: "b", Type: event.ListOf(event.Of(event.Int))}}}}

// fill appends n rows, a third of them null, to a column.
func fill(c *event.Column, n int, rng *rand.Rand) {
	for range n {
		if c.Type.Kind == event.Null || rng.IntN(3) == 0 {
			c.AppendNull()
			continue
		}
		switch c.Type.Kind {
		case event.Double:
			c.AppendFloat([]float64{0, -1.5, math.Inf(1), event.CanonicalNaN, rng.NormFloat64()}[rng.IntN(5)])
		case event.Decimal:
			c.AppendDecimal(event.Int128{Hi: rng.Int64(), Lo: rng.Uint64()})
		case event.String, event.Bytes:
			c.AppendText([]byte([]string{"", "a", "käse", "long text \x00 with a zero", "b"}[rng.IntN(5)]))
		case event.List:
			fill(c.Elem, rng.IntN(4), rng)
			c.EndList()
		case event.Map:
			n := rng.IntN(4)
			fill(&c.Elem.Fields[0], n, rng)
			fill(&c.Elem.Fields[1], n, rng)
			for range n {
				c.Elem.Rows++
				c.Elem.NotNull()
			}
			c.EndList()
		case event.Struct:
			for f := range c.Fields {
				fill(&c.Fields[f], 1, rng)
			}
			c.Rows++
			c.NotNull()
		default:
			c.AppendInt(rng.Int64())
		}
	}
}

func newPiece(n int, rng *rand.Rand) shelf.Piece {
	p := shelf.Piece{Len: n}
	for i := range n {
		p.Rows = append(p.Rows, uint32(2*i))
		p.Keys = append(p.Keys, event.Hash{Hi: rng.Uint64(), Lo: rng.Uint64()})
		p.Times = append(p.Times, event.Time(rng.Int64()))
	}
	for _, t := range types {
		c := event.Make(t)
		fill(&c, n, rng)
		p.Columns = append(p.Columns, c)
	}
	return p
}

func temporary(t *testing.T) func() (shelf.File, error) {
	return func() (shelf.File, error) { return os.Create(filepath.Join(t.TempDir(), "pieces")) }
}

// TestSectionsComeBack puts pieces in memory and in a file and asks for their
// sections in another order: every value is what it was (F1).
func TestSectionsComeBack(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	for name, s := range map[string]*shelf.Shelf{"memory": shelf.New(0, nil), "file": shelf.New(0, temporary(t)), "both": shelf.New(20_000, temporary(t))} {
		t.Run(name, func(t *testing.T) {
			defer s.Close()
			var pieces []shelf.Piece
			var stored []shelf.Stored
			starts := [][]int32{{0, 0, 13, 13, 40, 100}, {0, 100}, {0, 99, 100, 100}}
			for i := range 12 {
				p := newPiece(100, rng)
				k, err := s.Put(p, starts[i%3])
				if err != nil {
					t.Fatal(err)
				}
				pieces, stored = append(pieces, p), append(stored, k)
			}
			var buffer []byte
			for i := range stored {
				at := starts[i%3]
				for section := len(at) - 2; section >= 0; section-- {
					got, err := s.Section(&stored[i], section, &buffer)
					if err != nil {
						t.Fatal(err)
					}
					checkSection(t, &pieces[i], &got, int(at[section]), int(at[section+1]))
				}
			}
		})
	}
}

// TestMadePieces fills every vector of a piece that was made: none overlaps another,
// and what the piece that it is like has not it has not.
func TestMadePieces(t *testing.T) {
	p := newPiece(100, rand.New(rand.NewPCG(9, 9)))
	for _, n := range []int{0, 1, 7, 64, 100} {
		m := shelf.Make(&p, n)
		if copy(m.Keys, p.Keys) != n || copy(m.Times, p.Times) != n || len(m.Columns) != len(p.Columns) {
			t.Fatalf("%d rows: %d keys, %d times, %d columns", n, len(m.Keys), len(m.Times), len(m.Columns))
		}
		for i := range m.Columns {
			to, from := &m.Columns[i], &p.Columns[i]
			if !to.Type.Scalar() {
				*to = *from
				continue
			}
			if to.Len() != n || to.Null != nil && len(to.Null) != n || (to.Null == nil) != (from.Null == nil) {
				t.Errorf("%d rows: %s has %d, of which %d may be null", n, types[i], to.Len(), len(to.Null))
			}
			copy(to.Null, from.Null)
			copy(to.Ints, from.Ints)
			copy(to.Floats, from.Floats)
			copy(to.Decimals, from.Decimals)
			copy(to.Codes, from.Codes)
		}
		m.Rows = p.Rows[:n]
		checkSection(t, &p, &m, 0, n)
		for i, at := range shelf.Instants(m.Times) {
			if at != int64(p.Times[i]) {
				t.Errorf("instant %d is %d, want %d", i, at, p.Times[i])
			}
		}
	}
}

// checkSection holds a section to rows i to j-1 of its piece.
func checkSection(t *testing.T, p, got *shelf.Piece, i, j int) {
	t.Helper()
	if got.Len != j-i {
		t.Fatalf("rows %d to %d: %d rows", i, j-1, got.Len)
	}
	if i == j {
		return
	}
	if !slices.Equal(got.Rows, p.Rows[i:j]) || !slices.Equal(got.Keys, p.Keys[i:j]) || !slices.Equal(got.Times, p.Times[i:j]) || got.Arrived != nil {
		t.Errorf("rows %d to %d: other rows, keys or times", i, j-1)
	}
	for c := range p.Columns {
		for k := range j - i {
			if event.Compare(&got.Columns[c], k, &p.Columns[c], i+k) != 0 || got.Columns[c].IsNull(k) != p.Columns[c].IsNull(i+k) {
				t.Errorf("%s, row %d: another value", types[c], i+k)
			}
		}
	}
}

// TestRoomIsKept fills a shelf and lets go of it (F2): what is in memory stays below
// the room, and room that is given back is used again.
func TestRoomIsKept(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 8))
	s := shelf.New(100_000, temporary(t))
	defer s.Close()
	put := func() (inMemory []*shelf.Stored) {
		for range 50 {
			k, err := s.Put(newPiece(100, rng), []int32{0, 100})
			if err != nil {
				t.Fatal(err)
			}
			if k.Bytes(0) == 0 {
				inMemory = append(inMemory, &k)
			}
		}
		return inMemory
	}
	small := shelf.New(1_000, temporary(t))
	defer small.Close()
	if k, err := small.Put(newPiece(100, rng), []int32{0, 100}); err != nil || k.Bytes(0) == 0 {
		t.Errorf("a piece that is larger than the room is in memory (%v)", err)
	}
	first := put()
	if n := len(first); n < 2 || n > 20 {
		t.Fatalf("%d pieces of about 10 kB in a room of 100 kB", n)
	}
	if n := len(put()); n > 1 {
		t.Errorf("%d more in a full room", n)
	}
	for _, k := range first {
		s.Drop(k)
	}
	if n := len(put()); n < len(first)-2 {
		t.Errorf("%d pieces where %d were let go", n, len(first))
	}
}

// TestJournalIsWholeOrNotThere cuts a journal at every byte: the records that are
// whole come back, and writing goes on behind them.
func TestJournalIsWholeOrNotThere(t *testing.T) {
	dir := t.TempDir()
	open := func(identity string) (*shelf.Shelf, *shelf.Journal, bool) {
		s, j, found, err := shelf.Open(dir, []byte(identity))
		if err != nil {
			t.Fatal(err)
		}
		return s, j, found
	}
	write := func(j *shelf.Journal, s *shelf.Shelf, records ...string) {
		for _, r := range records {
			if err := j.Append([]byte(r)); err != nil {
				t.Fatal(err)
			}
		}
		s.Close()
		j.Close(false)
	}
	s, j, _ := open("one")
	write(j, s, "a", "bc", "")
	path := filepath.Join(dir, "journal")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := range whole {
		if err := os.WriteFile(path, whole[:n], 0o666); err != nil {
			t.Fatal(err)
		}
		s, j, found := open("one")
		before := len(j.Records())
		if found != (n >= 11) {
			t.Errorf("%d bytes: found %t", n, found)
		}
		write(j, s, "more")
		s, j, _ = open("one")
		if got := j.Records(); len(got) != before+1 || string(got[before]) != "more" {
			t.Errorf("%d bytes: %q", n, got)
		}
		s.Close()
		j.Close(false)
	}
	s, j, found := open("another")
	if found || len(j.Records()) > 0 {
		t.Error("the journal of another run was taken up")
	}
	s.Close()
	if j.Close(true); exists(dir) {
		t.Error("the folder of a run that is over is left behind")
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// TestLostPiecesAreFound changes a byte of a piece that a record tells of.
func TestLostPiecesAreFound(t *testing.T) {
	dir := t.TempDir()
	s, j, _, err := shelf.Open(dir, []byte("run"))
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close(false)
	k, err := s.Put(newPiece(10, rand.New(rand.NewPCG(9, 9))), []int32{0, 10})
	if err != nil {
		t.Fatal(err)
	}
	if !s.Holds(&k) {
		t.Error("a piece that was just written is lost")
	}
	path := filepath.Join(dir, "pieces")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(path, b, 0o666); err != nil {
		t.Fatal(err)
	}
	if s.Holds(&k) {
		t.Error("a damaged piece counts as whole")
	}
	s.Close()
}

// full is a disk without room.
type full struct{ shelf.File }

func (full) WriteAt([]byte, int64) (int, error) { return 0, os.ErrPermission }
func (full) Close() error                       { return nil }

// TestFullDiskIsTold holds that callers can tell a full disk from other faults.
func TestFullDiskIsTold(t *testing.T) {
	s := shelf.New(0, func() (shelf.File, error) { return full{}, nil })
	defer s.Close()
	if _, err := s.Put(newPiece(10, rand.New(rand.NewPCG(5, 5))), []int32{0, 10}); !errors.Is(err, shelf.ErrFile) || !errors.Is(err, os.ErrPermission) {
		t.Errorf("a disk that takes nothing: %v", err)
	}
}

// TestSharedOnce: dictionaries that pieces share take room once, until the last of
// these is dropped (F2); pieces that do not fit together go to the file together.
func TestSharedOnce(t *testing.T) {
	const texts, size = 1000, 100 // about 120 kB with hashes
	d := event.NewDict()
	for i := range texts {
		d.Add(fmt.Appendf(nil, "%0*d", size, i))
	}
	pieces, starts := make([]shelf.Piece, 4), make([][]int32, 4)
	for k := range pieces {
		pieces[k] = shelf.Piece{Len: 1, Columns: []event.Column{{Type: event.Of(event.String), Dict: d, Codes: []uint32{uint32(k)}}}}
		starts[k] = []int32{0, 1}
	}
	s := shelf.New(200_000, temporary(t))
	defer s.Close()
	inMemory := func() []shelf.Stored {
		stored, err := s.PutAll(pieces, starts)
		if err != nil {
			t.Fatal(err)
		}
		for k := range stored {
			var buffer []byte
			p, err := s.Section(&stored[k], 0, &buffer)
			if err != nil || !bytes.Equal(p.Columns[0].Text(0), d.At(uint32(k))) {
				t.Errorf("piece %d has come back with %q (%v)", k, p.Columns[0].Text(0), err)
			}
			if in := stored[k].Bytes(0) == 0; in != (stored[0].Bytes(0) == 0) {
				t.Errorf("piece %d is in memory: %v, unlike the first", k, in)
			}
		}
		return stored
	}
	first := inMemory()
	if first[0].Bytes(0) > 0 {
		t.Fatal("four pieces that share a dictionary of 120 kB have no room in 200 kB")
	}
	for k := range first {
		if again := inMemory(); again[0].Bytes(0) == 0 {
			t.Errorf("the same once more has room, after %d of four were dropped", k)
		}
		s.Drop(&first[k])
		s.Drop(&first[k]) // it is gone already
	}
	if again := inMemory(); again[0].Bytes(0) > 0 {
		t.Error("after all were dropped there is no room")
	}
}
