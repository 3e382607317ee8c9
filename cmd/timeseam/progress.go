package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/timeseam/timeseam/timetravel"
)

// stageWords are the stages of a run as a person reads them.
var stageWords = map[string]string{"entities": "find entities", "spine": "read spine", "history": "read history", "sweep": "compute", "write": "write"}

// plainEvery is how often plain progress prints a line.
const plainEvery = 5 * time.Second

// newProgress returns what shows progress on w: bars on a terminal, lines where
// plain is asked for, else nothing.
func newProgress(w io.Writer, kind string, terminal bool) (func(timetravel.Progress), error) {
	switch {
	case kind == "plain":
		return plainProgress(w, time.Now), nil
	case kind == "none" || kind == "auto" && !terminal:
		return nil, nil
	case kind == "auto" || kind == "bar":
		return barProgress(w), nil
	}
	return nil, wrongf("--progress %s; write auto, plain or none", kind)
}

// plainProgress prints a line at the start of a stage and every few seconds.
func plainProgress(w io.Writer, now func() time.Time) func(timetravel.Progress) {
	var mu sync.Mutex
	var stage string
	var last time.Time
	return func(p timetravel.Progress) {
		mu.Lock()
		defer mu.Unlock()
		if p.Stage == stage && now().Sub(last) < plainEvery && p.Done != p.Total {
			return
		}
		stage, last = p.Stage, now()
		if p.Total > 0 && p.Done <= p.Total { // The total of CSV and JSON lines is a guess.
			fmt.Fprintf(w, "%s: %d of %d\n", stageWords[p.Stage], p.Done, p.Total)
			return
		}
		fmt.Fprintf(w, "%s: %d\n", stageWords[p.Stage], p.Done)
	}
}

// barProgress shows one bar, of the stage that is on.
func barProgress(w io.Writer) func(timetravel.Progress) {
	var mu sync.Mutex
	var stage string
	var bar *progressbar.ProgressBar
	return func(p timetravel.Progress) {
		mu.Lock()
		defer mu.Unlock()
		if p.Stage != stage {
			if bar != nil {
				bar.Finish()
			}
			stage = p.Stage
			total := p.Total
			if total == 0 {
				total = -1
			}
			bar = progressbar.NewOptions64(total, progressbar.OptionSetWriter(w), progressbar.OptionSetDescription(fmt.Sprintf("%-12s", stageWords[p.Stage])),
				progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionShowCount(), progressbar.OptionClearOnFinish(), progressbar.OptionSetWidth(30))
		}
		bar.Set64(p.Done)
	}
}
