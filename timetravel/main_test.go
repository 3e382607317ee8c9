package timetravel_test

import (
	"os"
	"runtime/debug"
	"testing"
)

// TestMain collects less often than a run does: the tests hold little and allocate much,
// and a third of their time went to the collector.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	os.Exit(m.Run())
}
