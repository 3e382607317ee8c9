//go:build unix

package main

import (
	"testing"
	"time"
)

// TestProcessFollowKilled kills a daemon at random instants while records are written,
// each time without a word, and starts it again without any flag more: nothing is lost,
// nothing counts twice, no dead letter is missing and none is there twice.
// -kills 200 is for a long night.
func TestProcessFollowKilled(t *testing.T) {
	t.Parallel()
	o := newSiege(t, *killSeed)
	for k := range *kills {
		d := o.begin("saved")
		for end := time.After(time.Duration(o.random.Int64N(int64(2500 * time.Millisecond)))); end != nil; {
			o.write(1 + o.random.IntN(8))
			select {
			case <-end:
				end = nil
			case <-d.ended:
				t.Fatalf("the daemon ended by itself after %d kills: %v", k, d.err)
			default:
			}
		}
		if k%4 == 3 {
			d.serves()
			d.rests()
		}
		d.kill()
	}
	o.same(o.follow("saved"))
}
