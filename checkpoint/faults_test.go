package checkpoint_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/timeseam/timeseam/checkpoint"
	"github.com/timeseam/timeseam/live"
	"github.com/timeseam/timeseam/store"
	"github.com/timeseam/timeseam/store/storetest"
)

// where lies the folder of a process that is to be killed.
const killed = "TIMESEAM_TEST_CHECKPOINTS"

// TestMain is the process that TestKilled kills, where it is told to be.
func TestMain(m *testing.M) {
	if dir := os.Getenv(killed); dir != "" {
		writeForEver(dir)
	}
	os.Exit(m.Run())
}

// writeForEver goes on from the newest checkpoint, and says which batches are saved.
func writeForEver(dir string) {
	var t testing.T
	p := planOf(&t, definition)
	e := engineOf(p, 2)
	k, err := checkpoint.Open(context.Background(), dir, checkpoint.Options{Step: 20_000})
	if err == nil {
		_, err = k.Restore(context.Background(), e, checkpoint.Newest)
	}
	if err != nil && !errors.Is(err, checkpoint.ErrNone) {
		os.Stdout.WriteString("refused: " + err.Error() + "\n")
		os.Exit(1)
	}
	os.Stdout.WriteString("ready\n")
	for n := int(e.Epoch()); ; n++ {
		e.Apply(payments(p, n, 20+n%40))
		if err := k.Finish(context.Background(), e); err != nil {
			os.Stdout.WriteString("refused: " + err.Error() + "\n")
			os.Exit(1)
		}
	}
}

// TestKilled kills a process that writes, again and again: the next start has a state
// that was between two batches, never an older one than was told to be saved.
func TestKilled(t *testing.T) {
	p, dir, rng := planOf(t, definition), t.TempDir(), rand.New(rand.NewPCG(1, 7))
	last := uint64(0)
	for range 6 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), killed+"="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		first := make([]byte, 200)
		n, _ := out.Read(first)
		if said := string(first[:n]); said != "ready\n" {
			t.Fatal(said)
		}
		// Killed at some instant after so many files.
		for files := 1 + rng.IntN(6); ; {
			names, err := filepath.Glob(filepath.Join(dir, "*.checkpoint*"))
			if err != nil {
				t.Fatal(err)
			}
			if newest(names) >= last+uint64(files) || cmd.ProcessState != nil {
				break
			}
		}
		cmd.Process.Kill()
		cmd.Wait()
		k, e := open(t, dir, checkpoint.Options{}), engineOf(p, 3)
		m, err := k.Restore(t.Context(), e, checkpoint.Newest)
		if errors.Is(err, checkpoint.ErrNone) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		same(t, e, upTo(p, 2, int(m.State.Epoch)))
		last = uint64(m.Number)
		if left, _ := filepath.Glob(filepath.Join(dir, "*.partial")); len(left) > 0 {
			t.Errorf("%v stays", left)
		}
	}
	if last == 0 {
		t.Error("no checkpoint was written")
	}
}

// newest is the greatest number among files.
func newest(names []string) (n uint64) {
	for _, name := range names {
		var number uint64
		for _, digit := range strings.Split(filepath.Base(name), ".")[0] {
			number = 10*number + uint64(digit-'0')
		}
		n = max(n, number)
	}
	return n
}

// TestFull has no file larger than some bytes, as on a full disk: the flow goes on, it
// is told, nothing half-written stays, and once there is room all is saved.
func TestFull(t *testing.T) {
	p, dir, now := planOf(t, definition), t.TempDir(), time.UnixMicro(int64(day))
	k, e := open(t, dir, checkpoint.Options{Step: 1 << 30, Now: func() time.Time { return now }}), engineOf(p, 2)
	run(t, k, e, 0, 2)
	e.Apply(payments(p, 2, 3000))
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Skip(err)
	}
	low := limit
	low.Cur = 10_000
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &low); err != nil {
		t.Skip(err)
	}
	now = now.Add(time.Minute)
	err := errors.Join(k.Turn(t.Context(), e), k.Wait())
	if err := errors.Join(err, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit)); err != nil {
		t.Fatal(err)
	}
	s := k.Status()
	if s.Failures != 1 || s.Failed == nil || s.Epoch != 2 || s.Age(now) != time.Minute {
		t.Errorf("%+v", s)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.partial")); len(left) > 0 {
		t.Errorf("%v stays", left)
	}
	e.Apply(payments(p, 3, 30))
	if err := k.Turn(t.Context(), e); err != nil || k.Status().Failures != 1 || k.Wait() != nil || k.Status().Epoch != 2 {
		t.Errorf("%v, tried again before the interval: %+v", err, k.Status())
	}
	keep(t, k, e)
	if s := k.Status(); s.Epoch != 4 || s.Failed != nil {
		t.Errorf("%+v", s)
	}
	again := engineOf(p, 1)
	if _, err := k.Restore(t.Context(), again, checkpoint.Newest); err != nil {
		t.Fatal(err)
	}
	same(t, again, e)
}

// quick is a client that does not wait long.
func quick() *store.Client {
	return store.New(store.Options{Attempts: 3, Pause: func(int) time.Duration { return time.Millisecond }})
}

// TestBucket keeps checkpoints in a bucket whose server fails now and then, whose
// answers are lost, and that somebody else writes to.
func TestBucket(t *testing.T) {
	storetest.Start(t)
	inBucket(t)
}

func inBucket(t *testing.T) {
	p, path := planOf(t, definition), "s3://"+storetest.Bucket+"/daemon/checkpoints"
	o := checkpoint.Options{Client: quick(), Step: 1 << 30, Temp: t.TempDir()}
	k, e := open(t, path, o), engineOf(p, 2)
	other := open(t, path, o)
	run(t, k, e, 0, 8)
	again := engineOf(p, 3)
	m, err := open(t, path, o).Restore(t.Context(), again, checkpoint.Newest)
	if err != nil {
		t.Fatal(err)
	}
	same(t, again, e)
	if m.Number != 8 {
		t.Errorf("number %d", m.Number)
	}
	verdicts, err := k.Verify(t.Context())
	if err != nil || len(verdicts) == 0 || len(verdicts) >= 8 {
		t.Errorf("%d files, %v", len(verdicts), err)
	}
	for _, v := range verdicts {
		if len(v.Faults) > 0 {
			t.Error(v.Faults)
		}
	}
	late := engineOf(p, 1)
	late.Apply(payments(p, 5, 5))
	if err := other.Finish(t.Context(), late); err != nil && !errors.Is(err, checkpoint.ErrTaken) {
		t.Error(err) // Its first number was pruned, or is taken; in neither case it writes over another's.
	}
	if left, err := os.ReadDir(o.Temp); err != nil || len(left) > 0 {
		t.Errorf("%v stays, %v", left, err)
	}
}

// TestUnconditional holds that a store which keeps no two writers apart is refused, but
// for who says that there is one.
func TestUnconditional(t *testing.T) {
	storetest.Front(t, storetest.Serve(t).URL, func(_ http.ResponseWriter, r *http.Request) bool {
		r.Header.Del("If-None-Match")
		return false
	})
	path := "s3://" + storetest.Bucket + "/checkpoints"
	_, err := checkpoint.Open(t.Context(), path, checkpoint.Options{Client: quick()})
	if err == nil || !strings.Contains(err.Error(), "does not heed conditions of writes") {
		t.Errorf("%v", err)
	}
	p := planOf(t, definition)
	o := checkpoint.Options{Client: quick(), SingleWriter: true}
	k, e := open(t, path, o), engineOf(p, 2)
	run(t, k, e, 0, 3)
	again := engineOf(p, 2)
	if _, err := open(t, path, o).Restore(t.Context(), again, checkpoint.Newest); err != nil {
		t.Fatal(err)
	}
	same(t, again, e)
}

// TestLost loses the answer to every third write: it came about, and is not taken for
// another writer's; and it fails every other one for good, which is tried again.
func TestLost(t *testing.T) {
	s, puts := storetest.Serve(t), 0
	storetest.Before(t, s.URL, storetest.Schedule{Choose: func(_ int, r *http.Request) storetest.Fault {
		if r.Method != http.MethodPut || !strings.Contains(r.URL.Path, ".checkpoint") {
			return storetest.None
		}
		switch puts++; puts % 3 {
		case 0:
			return storetest.Lost
		case 1:
			return storetest.Broken
		}
		return storetest.None
	}})
	inBucket(t)
	if puts < 10 || s.Get("daemon/checkpoints/000000000008.checkpoint") == nil {
		t.Errorf("%d writes", puts)
	}
}

// TestAway has a server that is away: the flow goes on, it is told, and once the server
// is back all is saved, in the order in which it happened.
func TestAway(t *testing.T) {
	s, away, lost := storetest.Serve(t), false, false
	storetest.Front(t, s.URL, func(w http.ResponseWriter, r *http.Request) bool {
		if lost && r.Method == http.MethodPut { // It is written, and then the server is away.
			var b bytes.Buffer
			b.ReadFrom(r.Body)
			s.Put(strings.TrimPrefix(r.URL.Path, "/"+storetest.Bucket+"/"), unchunked(b.Bytes()))
			away = true
		}
		if away {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		return away
	})
	p, path, now := planOf(t, definition), "s3://"+storetest.Bucket+"/away", time.UnixMicro(int64(day))
	k, e := open(t, path, checkpoint.Options{Client: quick(), Step: 1 << 30, Now: func() time.Time { return now }}), engineOf(p, 2)
	run(t, k, e, 0, 3)
	for i, how := range []*bool{&away, &lost} {
		*how = true
		e.Apply(payments(p, 3+i, 23+i))
		now = now.Add(time.Minute)
		if err := errors.Join(k.Turn(t.Context(), e), k.Wait()); err != nil || k.Status().Failures != int64(i+1) {
			t.Fatalf("%v, %+v", err, k.Status())
		}
		away, lost = false, false
		keep(t, k, e)
	}
	again := engineOf(p, 2)
	if _, err := k.Restore(t.Context(), again, checkpoint.Newest); err != nil {
		t.Fatal(err)
	}
	same(t, again, upTo(p, 1, 5))
}

// unchunked is the content of a body that was sent in signed chunks.
func unchunked(b []byte) (content []byte) {
	for {
		line, rest, found := bytes.Cut(b, []byte("\r\n"))
		size := 0
		for _, digit := range line {
			if digit == ';' {
				break
			}
			n := bytes.IndexByte([]byte("0123456789abcdef"), digit)
			if n < 0 {
				return b
			}
			size = 16*size + n
		}
		if !found || size == 0 {
			return content
		}
		content, b = append(content, rest[:size]...), rest[size+2:]
	}
}

// FuzzRestore gives a file foreign heads and foreign sections whose sums are right:
// restoring and verifying end, with an error or not, and never in a panic.
func FuzzRestore(f *testing.F) {
	p, dir := planOf(f, definition), f.TempDir()
	k, err := checkpoint.Open(f.Context(), dir, checkpoint.Options{Step: 1 << 30})
	if err != nil {
		f.Fatal(err)
	}
	e := engineOf(p, 1)
	e.Apply(payments(p, 1, 3))
	for range 2 {
		e.Apply(payments(p, 2, 3))
		if err := k.Finish(f.Context(), e); err != nil {
			f.Fatal(err)
		}
	}
	for _, seed := range [][]byte{[]byte(`{"checkpoint":1,"number":2}`), []byte(`{"Columns":[{"Kind":4}],"Slots":[{"Aggregate":2,"Args":[0],"Filter":-1}]}`), bytes.Repeat([]byte{1}, 64)} {
		f.Add(uint8(0), uint16(0), seed)
		f.Add(uint8(1), uint16(7), seed)
		f.Add(uint8(2), uint16(3), seed)
	}
	f.Fuzz(func(t *testing.T, what uint8, at uint16, foreign []byte) {
		to := t.TempDir()
		for n := 1; n <= 2; n++ {
			b, err := os.ReadFile(file(dir, n))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file(to, n), b, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		over := func(b []byte) []byte { // foreign bytes in the midst of those that were there
			if from := int(at) % (len(b) + 1); what&4 == 0 {
				return append(bytes.Clone(b[:from]), append(bytes.Clone(foreign), b[min(len(b), from+len(foreign)):]...)...)
			}
			return foreign
		}
		section := 0
		err := rewrite(file(to, 1+int(what&1)), func(head []byte) []byte {
			if what&2 == 0 {
				return over(head)
			}
			return head
		}, func(_, _ int, b []byte) []byte {
			if section++; what&2 == 0 || section%7 != int(what>>3)%7 {
				return b
			}
			b = over(b)
			return append(b, make([]byte, -len(b)&7)...)
		})
		if err != nil {
			t.Fatal(err)
		}
		r, err := checkpoint.Look(t.Context(), to, checkpoint.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Verify(t.Context()); err != nil {
			t.Fatal(err)
		}
		again, err := checkpoint.Open(t.Context(), to, checkpoint.Options{})
		if err != nil {
			t.Fatal(err)
		}
		e := engineOf(p, 2)
		if _, err := again.Restore(t.Context(), e, checkpoint.Newest); err == nil {
			if _, err := e.Ask(questions(p)); err != nil && !errors.Is(err, live.ErrForgotten) {
				t.Fatal(err)
			}
		}
	})
}

// TestHead holds that what a head says comes back.
func TestHead(t *testing.T) {
	p, dir := planOf(t, definition), t.TempDir()
	k, e := open(t, dir, checkpoint.Options{Step: 1 << 30}), engineOf(p, 2)
	run(t, k, e, 0, 3)
	m, err := k.Show(t.Context(), checkpoint.Newest)
	if err != nil {
		t.Fatal(err)
	}
	a, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	s := e.Status()
	if m.State.Epoch != 3 || !m.State.Positions.Reached(s.Positions) || m.State.Digest != p.Digest() || len(m.State.Views) != 3 || !m.Whole || m.Rows != 3*22 {
		t.Errorf("%s", a)
	}
}

// TestLarge keeps files so large that others are put together from parts:
// of two writers one is told all the same.
func TestLarge(t *testing.T) {
	storetest.Start(t)
	large(t)
}

func large(t *testing.T) {
	p, path := planOf(t, small), "s3://"+storetest.Bucket+"/large"
	o := checkpoint.Options{Client: quick(), Step: 1 << 30}
	k, e := open(t, path, o), engineOf(p, 2)
	for n := range 30 {
		b := payments(p, n%2, 20_000)
		spread(b, n, p.Inputs[0].Columns)
		e.Apply(b)
	}
	keep(t, k, e)
	if s := k.Status(); s.Written < store.PartBytes {
		t.Fatalf("%d bytes are one part", s.Written)
	}
	again := engineOf(p, 3)
	if _, err := k.Restore(t.Context(), again, checkpoint.Newest); err != nil {
		t.Fatal(err)
	}
	if got, want := again.Status(), e.Status(); got.Epoch != want.Epoch || !bytes.Equal(state(t, again), state(t, e)) {
		t.Errorf("%+v, want %+v", got, want)
	}
	late, f := open(t, path, o), engineOf(p, 1)
	if _, err := late.Restore(t.Context(), f, checkpoint.Newest); err != nil {
		t.Fatal(err)
	}
	run(t, k, e, 0, 1)
	for range 10 {
		b := payments(p, 1, 20_000)
		f.Apply(b)
	}
	if err := late.Finish(t.Context(), f); !errors.Is(err, checkpoint.ErrTaken) {
		t.Errorf("%v", err)
	}
}
