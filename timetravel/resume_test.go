package timetravel_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/shelf"
	"github.com/timeseam/timeseam/timetravel"
)

// dying is a journal whose process ends after so many records.
type dying struct {
	*shelf.Journal
	left atomic.Int64
}

var errKilled = errors.New("killed")

func (d *dying) Append(record []byte) error {
	if d.left.Add(-1) < 0 {
		return errKilled
	}
	return d.Journal.Append(record)
}

// seen tells that a source was read, and not only opened.
type seen struct {
	event.Source
	tell func()
}

func (s *seen) Read(ctx context.Context, b *event.Batch) error {
	s.tell()
	return s.Source.Read(ctx, b)
}

// attempt runs over a bank with a journal in dir, which ends after so many records.
func (b *bank) attempt(t *testing.T, dir string, records int, read *int) (*kept, *timetravel.Report, error) {
	t.Helper()
	s, j, _, err := shelf.Open(dir, []byte("bank"))
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close(false)
	defer s.Close()
	out := &kept{}
	run := b.backfill(t, "b", out)
	journal := &dying{Journal: j}
	journal.left.Store(int64(records))
	run.Shelf, run.Journal, run.Events = s, journal, 320_000
	history := run.History
	run.History = func(in features.Input, reach event.Span) ([]event.Source, error) {
		parts, err := history(in, reach)
		for i := range parts {
			parts[i] = &seen{parts[i], sync.OnceFunc(func() {
				if i == 0 {
					*read++
				}
			})}
		}
		return parts, err
	}
	report, err := run.Run(t.Context())
	return out, report, err
}

// TestResumeGivesTheSameRows kills a run after each of its records and goes on: the
// rows and the report are those of a run that nobody stopped, and history is read
// again only if the run had not read all of it, or it is damaged.
func TestResumeGivesTheSameRows(t *testing.T) {
	b := newBank(30_000)
	want := &kept{}
	whole, err := b.backfill(t, "b", want).Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	whole.Stages = nil
	for records := range 12 {
		dir, read := t.TempDir(), 0
		if _, _, err := b.attempt(t, dir, records, &read); records < 9 && !errors.Is(err, errKilled) {
			t.Fatalf("%d records: %v", records, err)
		}
		switch records {
		case 5:
			damage(t, filepath.Join(dir, "pieces"), func(size int) int { return size - 150_000 }) // answers
		case 7:
			damage(t, filepath.Join(dir, "pieces"), func(int) int { return 0 }) // events too
		}
		got, report, err := b.attempt(t, dir, 1000, &read)
		if err != nil {
			t.Fatalf("%d records: %v", records, err)
		}
		if again := read > 1; again != (records == 0 || records == 7) {
			t.Errorf("%d records: history was read %d times", records, read)
		}
		report.Stages = nil
		if !reflect.DeepEqual(got.rows, want.rows) || !reflect.DeepEqual(report, whole) {
			t.Errorf("%d records: other rows, or\n%+v, want\n%+v", records, report, whole)
		}
	}
}

// damage changes every 64th byte of a file from a place on.
func damage(t *testing.T, path string, from func(size int) int) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := from(len(b)); i < len(b); i += 64 {
		b[i] ^= 0xff
	}
	if err := os.WriteFile(path, b, 0o666); err != nil {
		t.Fatal(err)
	}
}

// TestTooHotIsRefused refuses a run whose busiest keys do not fit, before it sweeps.
func TestTooHotIsRefused(t *testing.T) {
	b := newBank(20_000)
	run := b.backfill(t, "b", &kept{})
	run.Hands = 100_000
	var hot *timetravel.TooHot
	if _, err := run.Run(t.Context()); !errors.As(err, &hot) || hot.Bytes <= hot.Hands {
		t.Fatalf("got %v", err)
	}
	run = b.backfill(t, "b", &kept{})
	run.Hands = hot.Bytes
	if _, err := run.Run(t.Context()); err != nil {
		t.Fatalf("with what it asks for: %v", err)
	}
}
