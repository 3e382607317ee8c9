//go:build unix

package features

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/timeseam/timeseam/features/event"
)

// BenchmarkState is an event, and where asked its fifteen values, once a week of events
// is in.
func BenchmarkState(b *testing.B) {
	for _, asked := range []bool{false, true} {
		b.Run(fmt.Sprintf("asked=%t", asked), func(b *testing.B) {
			p, next := spendingPlan(b)
			s := p.NewState()
			const size = 500
			for range 1_400_000 / size {
				events, _ := next(size)
				s.Apply(0, events)
			}
			var made [][2]*event.Batch
			for range (b.N + size - 1) / size {
				events, asks := next(size)
				made = append(made, [2]*event.Batch{events, asks})
			}
			b.ResetTimer()
			b.ReportAllocs()
			before := processed(b)
			for _, m := range made {
				s.Apply(0, m[0])
				if asked {
					s.Value(m[1])
				}
			}
			b.ReportMetric(float64((processed(b)-before).Nanoseconds())/float64(b.N), "cpu-ns/op")
		})
	}
}

// processed is the processors' time that this process has taken. Other processes make an
// event take longer, and this hardly.
func processed(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
