package ledger

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/live"
	"github.com/timeseam/timeseam/store/storetest"
)

// told is what a test knows of a log: the positions at each of its epochs, and when
// each began.
type told struct {
	at    map[uint64]live.Positions
	began map[uint64]event.Time
	now   live.Positions
}

func newTold() *told {
	return &told{at: map[uint64]live.Positions{}, began: map[uint64]event.Time{}, now: live.Positions{"tx": {0: 5}}}
}

// clock is a clock that tests move.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

// begin opens a log and begins a run in it.
func (k *told) begin(t *testing.T, o Options, restored uint64) (*Log, uint64) {
	t.Helper()
	l, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	epoch := l.From(restored)
	if err := l.Begin(t.Context(), epoch, k.now); err != nil {
		t.Fatal(err)
	}
	k.at[epoch] = k.now.Clone()
	return l, epoch
}

// note moves a position.
func (k *told) note(l *Log, epoch uint64, source string, partition int32, by int64) {
	if k.now[source] == nil {
		k.now[source] = map[int32]int64{}
	}
	k.now[source][partition] += by
	k.at[epoch] = k.now.Clone()
	l.Note(epoch, source, partition, k.now[source][partition])
	k.began[epoch] = l.at.at
}

// check holds that a log tells what is known, of so many epochs.
func (k *told) check(t *testing.T, path string, epochs map[uint64]live.Positions) {
	t.Helper()
	r, err := OpenReader(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for epoch, want := range epochs { // in whatever order
		got, err := r.At(t.Context(), epoch)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("at epoch %d the log says %v, and it was %v", epoch, got, want)
		}
	}
	for epoch, at := range k.began {
		if epochs[epoch] == nil {
			continue
		}
		got, err := r.EpochAt(t.Context(), at)
		if err != nil || got < epoch || k.began[got] > at {
			t.Fatalf("at %s it is epoch %d, the log says %d: %v", at, epoch, got, err)
		}
	}
}

// TestLog holds that the log of several runs, in several files, tells the positions of
// every epoch, and no epoch twice, in a folder and in a bucket.
func TestLog(t *testing.T) {
	storetest.Start(t)
	for name, path := range map[string]string{"folder": filepath.Join(t.TempDir(), "a", "positions"), "bucket": "s3://" + storetest.Bucket + "/positions"} {
		t.Run(name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(1, 2))
			c := &clock{at: time.UnixMicro(1_767_225_600_000_000)}
			k := newTold()
			for run := range 3 {
				l, epoch := k.begin(t, Options{Path: path, FileBytes: 300, Now: c.now}, 40)
				if want := map[int]uint64{0: 40, 1: runEpochs, 2: 2 * runEpochs}[run]; epoch != want {
					t.Fatalf("run %d begins at epoch %d, want %d", run, epoch, want)
				}
				for i := range 200 {
					c.at = c.at.Add(time.Duration(random.IntN(2000)-300) * time.Microsecond) // it is set back too
					epoch++
					k.note(l, epoch, []string{"tx", "clicks"}[random.IntN(2)], int32(random.IntN(4)), random.Int64N(1000))
					if i%17 == 0 || i == 199 {
						if err := l.Flush(t.Context()); err != nil {
							t.Fatal(err)
						}
					}
				}
				if s := l.Status(); s.Epoch != epoch || s.Gaps != 0 || s.Err != nil {
					t.Fatalf("its status is %+v at epoch %d", s, epoch)
				}
				if run == 1 {
					if err := l.Close(t.Context()); err != nil {
						t.Fatal(err)
					}
				} // the others are killed
			}
			k.check(t, path, k.at)
			files, err := mustPlace(t, path).List(t.Context(), "")
			if err != nil || len(files) < 6 {
				t.Fatalf("%d files: %v", len(files), err)
			}
			r, err := OpenReader(t.Context(), path, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, epoch := range []uint64{0, 39, 241, runEpochs - 1, 1 << 40} {
				if p, err := r.At(t.Context(), epoch); !errors.Is(err, ErrUnknown) {
					t.Errorf("of epoch %d, which never was, it says %v, %v", epoch, p, err)
				}
			}
			if _, err := r.EpochAt(t.Context(), 7); !errors.Is(err, ErrUnknown) {
				t.Errorf("before the log: %v", err)
			}
		})
	}
}

func mustPlace(t *testing.T, path string) *Place {
	t.Helper()
	p, err := OpenPlace(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestTorn cuts a log off at every byte: the next run goes on behind, with epochs that
// nobody has used, and what was whole is told.
func TestTorn(t *testing.T) {
	dir := t.TempDir()
	k := newTold()
	l, epoch := k.begin(t, Options{Path: dir}, 0)
	frames := map[int64]map[uint64]live.Positions{}
	size := func() int64 { return l.file.size }
	frames[size()] = maps.Clone(k.at)
	for range 4 {
		for range 3 {
			epoch++
			k.note(l, epoch, "tx", int32(epoch%3), 10)
		}
		if err := l.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		frames[size()] = maps.Clone(k.at)
	}
	files, err := listed(t.Context(), l.place)
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	data, err := l.place.Read(t.Context(), files[0].Name)
	if err != nil {
		t.Fatal(err)
	}
	whole := map[uint64]live.Positions{}
	for n := range len(data) + 1 {
		if known := frames[int64(n)]; known != nil {
			whole = known
		}
		for _, damaged := range []bool{false, true} {
			torn := t.TempDir()
			text := append([]byte(nil), data[:n]...)
			if damaged { // a disk that kept the length and not the bytes
				text = append(text, make([]byte, len(data)-n)...)
			}
			if err := os.WriteFile(filepath.Join(torn, files[0].Name), text, 0o644); err != nil {
				t.Fatal(err)
			}
			after := newTold()
			next, epoch := after.begin(t, Options{Path: torn}, 2)
			if len(whole) > 0 && epoch != runEpochs {
				t.Fatalf("cut at %d: the next run begins at %d", n, epoch)
			}
			after.note(next, epoch+1, "tx", 0, 3)
			if err := next.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			if len(whole) > 0 {
				maps.Copy(after.at, whole)
			}
			after.check(t, torn, after.at)
		}
	}
}

// TestGap has a disk be full: what cannot be kept is told as unknown, what comes
// afterwards is right, and memory stays bounded.
func TestGap(t *testing.T) {
	dir := t.TempDir()
	k := newTold()
	l, epoch := k.begin(t, Options{Path: dir, Held: 500}, 0)
	epoch++
	k.note(l, epoch, "tx", 0, 1)
	if err := l.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	l.file.local.Close() // from now on nothing can be written, and nothing be taken back
	away := dir + " away"
	if err := errors.Join(os.Rename(dir, away), os.WriteFile(dir, nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	first := epoch
	for range 1000 {
		epoch++
		k.note(l, epoch, "tx", int32(epoch%5), 7)
		if epoch%100 == 0 {
			if err := l.Flush(t.Context()); err == nil && len(l.queue) > 0 {
				t.Fatal("it was written to where nothing is")
			}
		}
		if n := l.held + len(l.open); n > 600 {
			t.Fatalf("%d bytes are held", n)
		}
	}
	if s := l.Status(); s.Gaps == 0 || s.Lost == 0 || s.Failed == 0 || s.Err == nil || s.Epoch != first {
		t.Fatalf("its status is %+v", s)
	}
	if err := errors.Join(os.Remove(dir), os.Rename(away, dir)); err != nil {
		t.Fatal(err)
	}
	if err := l.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	last := epoch
	known := map[uint64]live.Positions{0: k.at[0], first: k.at[first]}
	for range 5 {
		epoch++
		k.note(l, epoch, "tx", 2, 7)
		known[epoch] = k.at[epoch]
	}
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	k.check(t, dir, known)
	r, err := OpenReader(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if p, err := r.At(t.Context(), last-1); !errors.Is(err, ErrUnknown) {
		t.Errorf("of an epoch that was lost it says %v, %v", p, err)
	}
}

// TestOutage has a bucket be away: what is noted meanwhile is written when it is back.
func TestOutage(t *testing.T) {
	storetest.Start(t)
	path := "s3://" + storetest.Bucket + "/p"
	k := newTold()
	l, epoch := k.begin(t, Options{Path: path}, 0)
	gone, stop := context.WithCancel(t.Context())
	stop()
	for range 5 {
		for range 3 {
			epoch++
			k.note(l, epoch, "tx", 1, 4)
		}
		if err := l.Flush(gone); err == nil {
			t.Fatal("it was written without a store")
		}
	}
	if err := l.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	k.check(t, path, k.at)
}

// TestPrune holds that the oldest files go: by bytes, and by age; and what is left can
// be read.
func TestPrune(t *testing.T) {
	for _, c := range []struct {
		name string
		o    Options
		most int
	}{{"bytes", Options{KeepBytes: 1000}, 8}, {"age", Options{KeepFor: 5 * time.Hour}, 8}, {"all", Options{}, 100}} {
		t.Run(c.name, func(t *testing.T) {
			clock := &clock{at: time.UnixMicro(1_767_225_600_000_000)}
			c.o.Path, c.o.FileBytes, c.o.Now = t.TempDir(), 100, clock.now
			k := newTold()
			l, epoch := k.begin(t, c.o, 0)
			for range 40 {
				clock.at = clock.at.Add(time.Hour)
				for range 10 {
					epoch++
					k.note(l, epoch, "tx", int32(epoch%3), 1000)
				}
				if err := l.Flush(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			files, err := listed(t.Context(), l.place)
			if err != nil || len(files) > c.most || len(files) < 2 || c.name == "all" && len(files) < 10 {
				t.Fatalf("%d files are left: %v", len(files), err)
			}
			known := maps.Clone(k.at)
			maps.DeleteFunc(known, func(e uint64, _ live.Positions) bool { return e < files[0].epoch })
			k.check(t, c.o.Path, known)
		})
	}
}

// TestTwo holds that of two processes that begin in one folder the second is told.
func TestTwo(t *testing.T) {
	dir := t.TempDir()
	at := &clock{at: time.UnixMicro(1)}
	a, err := Open(t.Context(), Options{Path: dir, Now: at.now})
	if err != nil {
		t.Fatal(err)
	}
	b, err := Open(t.Context(), Options{Path: dir, Now: at.now})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Begin(t.Context(), 0, nil); err != nil {
		t.Fatal(err)
	}
	if err := b.Begin(t.Context(), 0, nil); !errors.Is(err, ErrTaken) {
		t.Fatalf("the second is told %v", err)
	}
}

// TestReserve holds that a run reserves more epochs before it needs them.
func TestReserve(t *testing.T) {
	dir := t.TempDir()
	k := newTold()
	l, _ := k.begin(t, Options{Path: dir}, 0)
	k.note(l, runEpochs-10, "tx", 0, 1)
	k.note(l, runEpochs-9, "tx", 0, 1)
	if err := l.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	again, err := Open(t.Context(), Options{Path: dir})
	if err != nil {
		t.Fatal(err)
	}
	if got := again.From(0); got != 2*runEpochs {
		t.Errorf("the next run begins at %d", got)
	}
	k.check(t, dir, k.at)
}

// FuzzFile holds that no bytes make a reader fall, or take much more memory than they
// are.
func FuzzFile(f *testing.F) {
	v := &vector{epoch: 3, at: 4, reserved: 5, streams: []stream{{"tx", 1}}, next: []int64{9}}
	head := appendFrame([]byte(magic), v.encode())
	f.Add(head)
	f.Add(appendFrame(head, []byte{entriesFrame, 1, 2, 0, 4, 1, 0, 1, 1, 'x', 0, 2}))
	f.Add([]byte(strings.Repeat("x", 20)))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := decodeFile(data)
		if err != nil {
			return
		}
		if c.whole > len(data) || len(c.entries) > len(data) {
			t.Fatal(fmt.Sprint(c.whole, len(c.entries), len(data)))
		}
		again, err := decodeFile(data[:c.whole])
		if err != nil || !reflect.DeepEqual(again.entries, c.entries) {
			t.Fatalf("cut off, it is another: %v", err)
		}
		r := Reader{contents: c}
		r.rewind()
	})
}
