//go:build unix

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// dayOf is a backfill of one of the two days of slowFiles, into a folder and with
// snapshots in another.
func dayOf(day, out, snapshots string) []string {
	days := map[string][2]string{"first": {"2026-01-01", "2026-01-02"}, "second": {"2026-01-02", "2026-01-03"}}[day]
	args := []string{"backfill", "slow.yaml", "-o", out + "/", "--data-interval-start", days[0] + "T00:00:00Z", "--data-interval-end", days[1] + "T00:00:00Z"}
	if snapshots != "" {
		args = append(args, "--snapshots", snapshots)
	}
	return args
}

// TestProcessSnapshotKilled kills runs that begin with a snapshot and are about to leave
// one: what they began with stays, nothing stands under the new one's name, and the
// run that comes to its end has the bytes, and leaves what, an undisturbed one has.
func TestProcessSnapshotKilled(t *testing.T) {
	t.Parallel()
	dir := slowFiles(t)
	aside := filepath.Join(dir, "aside")
	second := filepath.Join(dir, "transactions", "dt=2026-01-02")
	do := func(args []string) {
		t.Helper()
		if out, err := command(t, dir, args...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	if err := os.Rename(second, aside); err != nil {
		t.Fatal(err)
	}
	do(dayOf("first", "set", "snaps"))
	if err := os.Rename(aside, second); err != nil {
		t.Fatal(err)
	}
	first := seen(t, filepath.Join(dir, "snaps"))
	partial := func() bool {
		left, _ := filepath.Glob(filepath.Join(dir, "snaps", "*.partial"))
		return len(left) > 0
	}
	journal := filepath.Join(dir, "set", "_2026-01-02T000000Z_2026-01-03T000000Z.parquet.resume", "journal")
	killed := 0
	for size := int64(0); killed < 100; killed++ {
		run := started(t, dir, append(dayOf("second", "set", "snaps"), "--resume")...)
		ended := make(chan error, 1)
		go func() { ended <- run.Wait() }()
		until(t, "the run to come further", func() bool {
			if killed == 0 {
				return partial() || len(ended) > 0
			}
			info, err := os.Stat(journal)
			return err == nil && info.Size() > size || len(ended) > 0
		})
		run.Process.Kill()
		if <-ended == nil {
			break
		}
		if info, err := os.Stat(journal); err == nil {
			size = info.Size()
		}
		whole, _ := filepath.Glob(filepath.Join(dir, "snaps", "*.snapshot"))
		if len(whole) != 1 {
			t.Fatalf("killed, a run leaves %q", whole)
		}
		if b, err := os.ReadFile(whole[0]); err != nil || !bytes.Contains([]byte(first), b) {
			t.Fatalf("killed, a run touched what it began with (%v)", err)
		}
	}
	if killed < 2 {
		t.Errorf("only %d runs were killed", killed)
	}
	do(dayOf("second", "whole", ""))
	name := "2026-01-02T000000Z_2026-01-03T000000Z.parquet"
	want, err := os.ReadFile(filepath.Join(dir, "whole", name))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "set", name)); err != nil || !bytes.Equal(got, want) {
		t.Errorf("the rows are others than those of one run (%v)", err)
	}
	left := seen(t, filepath.Join(dir, "snaps"))
	do(dayOf("second", "set", "snaps"))
	if seen(t, filepath.Join(dir, "snaps")) != left || partial() {
		t.Error("an undisturbed run leaves another snapshot")
	}
}
