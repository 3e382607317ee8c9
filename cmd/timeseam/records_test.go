package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/timeseam/timeseam/kafka"
	"github.com/timeseam/timeseam/sink"
)

// TestDivided holds that ranges which are divided among workers are the same offsets,
// in the same order, and worth a worker each.
func TestDivided(t *testing.T) {
	r := func(partition int32, from, to int64) kafka.Range {
		return kafka.Range{Partition: partition, From: from, To: to}
	}
	for _, c := range []struct {
		ranges  []kafka.Range
		workers int
		want    []kafka.Range
	}{
		{[]kafka.Range{r(0, 5, 105)}, 1, []kafka.Range{r(0, 5, 105)}},
		{[]kafka.Range{r(0, 5, 105)}, 2, []kafka.Range{r(0, 5, 105)}},
		{[]kafka.Range{r(0, 5, 207)}, 2, []kafka.Range{r(0, 5, 207)}},
		{[]kafka.Range{r(0, 0, 400)}, 3, []kafka.Range{r(0, 0, 200), r(0, 200, 400)}},
		{[]kafka.Range{r(0, 0, 399), r(1, 7, 7), r(2, 0, 10)}, 9, []kafka.Range{r(0, 0, 133), r(0, 133, 266), r(0, 266, 399), r(1, 7, 7), r(2, 0, 10)}},
		{nil, 4, nil},
	} {
		if got := divided(c.ranges, c.workers, 100); !slices.Equal(got, c.want) {
			t.Errorf("%v for %d workers: %v, and not %v", c.ranges, c.workers, got, c.want)
		}
	}
}

// TestSpoolsAreSwept holds that what a killed run has left goes with the next one, and
// nothing else does.
func TestSpoolsAreSwept(t *testing.T) {
	parent := t.TempDir()
	dead, alive := filepath.Join(parent, ".timeseam-0001.spool"), filepath.Join(parent, ".timeseam-0002.spool")
	for _, dir := range []string{dead, alive, filepath.Join(parent, "mine.spool"), filepath.Join(parent, ".timeseam-3")} {
		if err := os.MkdirAll(filepath.Join(dir, "source-tx"), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(dead+".lock", []byte("process 1\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	release, err := sink.Lock(alive + ".lock")
	if err != nil {
		t.Fatal(err)
	}
	s, err := newSpool(parent)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.folder("source-tx"); err != nil {
		t.Fatal(err)
	}
	left := func() string {
		entries, err := os.ReadDir(parent)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return fmt.Sprint(names)
	}
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	if got := left(); got != "[.timeseam-0002.spool .timeseam-0002.spool.lock .timeseam-3 mine.spool]" {
		t.Errorf("there are %s", got)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	if err := sweepSpools(parent); err != nil {
		t.Fatal(err)
	}
	if got := left(); got != "[.timeseam-3 mine.spool]" {
		t.Errorf("there are %s", got)
	}
}
