//go:build unix

package main

import (
	"encoding/json"
	"maps"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/timeseam/timeseam/features/event"
)

// within begins a daemon in this process, and waits until it has caught up.
func (o *siege) within(j *followJob) *running {
	o.Helper()
	g, err := j.begin(o.Context())
	if err != nil {
		o.Fatal(err)
	}
	r := g.begun(o.Context())
	o.Cleanup(r.stop)
	select {
	case err := <-r.ended:
		o.Fatal(err)
	case <-g.caught:
	}
	return r
}

// leave ends a daemon of this process in order.
func (o *siege) leave(r *running) {
	o.Helper()
	r.stop()
	if err := <-r.ended; err != nil {
		o.Error(err)
	}
}

// TestFollowReplays asks a daemon while records come, and so amid them: what it says is,
// bit for bit, what its records before the positions say at which it said it, also once it was
// restored.
func TestFollowReplays(t *testing.T) {
	t.Parallel()
	o := newSiege(t, *killSeed+90)
	saved := filepath.Join(o.dir, "saved")
	type replay struct {
		ends     map[int32]int64
		question []string
		said     string
	}
	var all []replay
	places := map[string]bool{}
	for range 3 {
		r := o.within(o.job(saved))
		url := o.serve(r.engine)
		for range 60 {
			o.write(2)
			q := o.questions(nil)[o.random.IntN(5):][:1]
			before := r.engine.Status()
			answer := said(t, url, q)
			if after := r.engine.Status(); after.Epoch == before.Epoch { // so that it is known where it was asked
				all = append(all, replay{maps.Clone(before.Positions["tx"]), q, answer})
				text, _ := json.Marshal(before.Positions["tx"])
				places[string(text)] = true
			}
		}
		o.leave(r)
	}
	if len(places) < 20 {
		t.Errorf("the daemon was asked at %d places; that says little", len(places))
	}
	for _, a := range all {
		if want := o.judged(a.ends, a.question); a.said != want {
			t.Fatalf("at %v the daemon said\n%s\nand its records say\n%s", a.ends, a.said, want)
		}
	}
}

// TestFollowClockBack has the wall clock go back by most of an hour: what is asked as of
// now is never asked as of before, what was forgotten stays so, and all else goes on; also when the
// daemon begins again with the clock as it is.
func TestFollowClockBack(t *testing.T) {
	t.Parallel()
	o := newSiege(t, *killSeed+100)
	saved := filepath.Join(o.dir, "saved")
	var clock atomic.Int64
	begin := time.Date(2026, 1, 1, 3, 0, 0, 0, time.UTC)
	clock.Store(begin.UnixMicro())
	job := func() *followJob {
		j := o.job(saved)
		j.reach, j.clock = time.Hour, func() time.Time { return time.UnixMicro(clock.Load()) }
		return j
	}
	asOf := func(url string) time.Time {
		t.Helper()
		res, err := http.Get(url + "/features/all?account=a")
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		at, err := time.Parse(time.RFC3339Nano, res.Header.Get("Timeseam-As-Of"))
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatal(res.Status, err)
		}
		return at
	}
	last := []string{`{"feature_service": "all", "entities": {"account": ["a", "b", "c", "d"]}, "as_of": "2026-01-01T03:30:00Z"}`} // after all events
	r := o.within(job())
	url := o.serve(r.engine)
	if got := asOf(url); !got.Equal(begin) {
		t.Fatalf("as of %s", got)
	}
	r.engine.Forget()
	kept := r.engine.Status().Kept
	for range 2 {
		clock.Store(begin.Add(-50 * time.Minute).UnixMicro())
		if got := asOf(url); got.Before(begin) {
			t.Errorf("the clock is back, and so is what is known: as of %s", got)
		}
		r.engine.Forget()
		if got := r.engine.Status().Kept; got != kept || kept != event.Time(begin.Add(-time.Hour).UnixMicro()) {
			t.Errorf("what may be asked begins at %s, and did at %s", got, kept)
		}
		o.write(30)
		if err := r.engine.Wait(t.Context(), map[string]map[int32]int64{"tx": o.ends}); err != nil {
			t.Fatal(err)
		}
		if got, want := said(t, url, last), o.judged(o.ends, last); got != want {
			t.Errorf("the daemon says\n%s\nand its records say\n%s", got, want)
		}
		o.leave(r)
		r = o.within(job())
		url = o.serve(r.engine)
	}
	o.leave(r)
	o.buried()
}

// TestFollowLettersShared has the definition change while values come that nobody can read:
// both that follow then write to one file, each letter once.
func TestFollowLettersShared(t *testing.T) {
	o := newSiege(t, *killSeed+110)
	o.write(40)
	d := o.follow("saved")
	d.rests()
	text := string(read(t, filepath.Join(o.dir, "live.yaml")))
	o.file("live.yaml", strings.Replace(text, "most: max(amount)", "most: max(amount), least: min(amount)", 1))
	if err := d.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	d.until(t, "the changed definition answers")
	o.write(40)
	d.rests()
	if !strings.Contains(o.noted[len(o.noted)-1].said, "least_") {
		t.Errorf("it says %s", o.noted[len(o.noted)-1].said)
	}
	d.stop()
	o.buried()
}
