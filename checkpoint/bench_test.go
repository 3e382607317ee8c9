package checkpoint_test

import (
	"flag"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/timeseam/timeseam/checkpoint"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/live"
)

var stateMiB = flag.Int("state", 64, "how many MiB of state BenchmarkRestore restores, about")

// BenchmarkRestore restores a state that was saved whole and then three times more. With
// -state 1000 it is the restart of a large daemon; the pause is how long the flow waited
// for a save at most.
func BenchmarkRestore(b *testing.B) {
	p, dir := planOf(b, strings.Replace(definition, ", at_shop]", "]", 1)), b.TempDir() // few shops have long runs, which a random order is slow to make
	o := live.Options{Shards: 2, Ready: 16 << 20, Notes: 256 << 20}
	e := live.NewEngine(p, o)
	made := payments(p, 1, 4000)
	apply := func(batches int) {
		for n := range batches {
			rows := &live.Batch{Rows: &event.Batch{Len: made.Rows.Len, Columns: slices.Clone(made.Rows.Columns)}, Source: "tx", Next: int64(n)}
			spread(rows, n, p.Inputs[0].Columns)
			e.Apply(rows)
		}
	}
	apply(*stateMiB * (1 << 20) / (4000 * 95))
	k := open(b, dir, checkpoint.Options{})
	keep(b, k, e)
	for range 3 {
		apply(50)
		keep(b, k, e)
	}
	size := k.Status().Bytes
	b.SetBytes(size)
	used := cpu()
	for b.Loop() {
		again := live.NewEngine(p, o)
		if _, err := open(b, dir, checkpoint.Options{}).Restore(b.Context(), again, checkpoint.Newest); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric((cpu()-used).Seconds()/float64(b.N), "cpu-s/op") // of a busy machine, what tells more than the time
	b.ReportMetric(float64(size)/(1<<20), "MiB")
	b.ReportMetric(float64(k.Status().Longest.Milliseconds()), "pause-ms")
	if names, err := os.ReadDir(dir); err == nil {
		b.ReportMetric(float64(len(names)), "files")
	}
}

// cpu is what the process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// spread gives a batch accounts of its own, many of them.
func spread(b *live.Batch, number int, columns event.Schema) {
	c := event.Make(event.Of(event.String))
	var name [8]byte
	for r := range b.Rows.Len {
		for i, n := 0, (number*b.Rows.Len+r)*7919%500_000; i < len(name); i, n = i+1, n/10 {
			name[i] = byte('0' + n%10)
		}
		c.AppendText(name[:])
	}
	b.Rows.Columns[columns.Index("account_id")] = c
}
