package main

import (
	"log/slog"
	"time"
)

// troubles tells of what goes wrong for a while: once when it begins, and once when it is
// over, however often it is looked at.
type troubles struct {
	log *slog.Logger
	on  map[string]*trouble
}

// trouble is what goes wrong with one thing.
type trouble struct {
	since  time.Time // zero: nothing is wrong
	told   bool      // that it goes wrong
	ended  time.Time // of the one before, that was told
	hushed int       // how often it went wrong since, too shortly to be told
}

// hush is for how long after an end what begins anew is not told, unless it lasts as
// long: what comes and goes would fill a log.
const hush = time.Minute

// see looks at one thing: err is what is wrong with it, since when; nil: nothing.
func (t *troubles) see(what string, since, now time.Time, err error) {
	if t.on == nil {
		t.on = map[string]*trouble{}
	}
	is := t.on[what]
	if is == nil {
		if err == nil {
			return
		}
		is = &trouble{}
		t.on[what] = is
	}
	if err == nil {
		is.over(t.log, what, now)
		return
	}
	if is.since.IsZero() {
		is.since = since
	}
	if !is.told && (is.ended.IsZero() || now.Sub(is.ended) >= hush) {
		is.told = true
		t.log.Warn(what, "since", is.since.UTC().Format(time.RFC3339), "error", err)
	}
}

// over is that nothing is wrong any more.
func (is *trouble) over(log *slog.Logger, what string, now time.Time) {
	switch {
	case is.since.IsZero():
		return
	case is.told:
		log.Info(what+" no more", "seconds", now.Sub(is.since).Round(time.Millisecond).Seconds(), "untold", is.hushed)
		is.ended, is.hushed = now, 0
	default:
		is.hushed++
	}
	is.since, is.told = time.Time{}, false
}

// look looks at all that may go wrong with a generation while it goes on.
func (g *generation) look() {
	now := time.Now()
	for _, t := range g.driver.Troubles() {
		g.troubles.see("a stream cannot be read: source "+t.Source, t.Since, now, t.Err)
	}
	if g.keeper == nil {
		return
	}
	s := g.keeper.Status()
	g.troubles.see("a checkpoint could not be written", now, now, s.Failed)
	if s.Number > g.saved {
		g.saved = s.Number
		g.log.Debug("checkpoint", "number", s.Number, "epoch", s.Epoch, "files", s.Files, "bytes", s.Bytes, "seconds", s.Took.Seconds(), "paused", s.Pause.Seconds())
	}
}
