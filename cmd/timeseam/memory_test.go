package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/timeseam/timeseam/sink"
	"github.com/timeseam/timeseam/store/storetest"
)

// TestEstimateLimited holds the estimate to what a run may take.
func TestEstimateLimited(t *testing.T) {
	const mib = 1 << 20
	for _, c := range []struct {
		limit, holds, spills int64 // MiB
		says                 string
	}{
		{1000, 290, 0, ""},
		{290, 290, 0, ""},
		{170, 170, 100, "with --memory 170MiB about 104.9 MB of events, questions and answers go to a temporary file"},
		{96, 100, 158, "a run with --memory 96MiB would be refused"},
	} {
		e := estimate{}
		e.limited(c.limit*mib, memoryNeeds{standing: 50 * mib, writing: 50 * mib, events: 200 * mib, answers: 100 * mib})
		if said := strings.Join(e.How, ""); e.MemoryBytes != c.holds*mib || e.SpillBytes>>20 != c.spills || said != c.says {
			t.Errorf("limit %d: %d, %d, %q", c.limit, e.MemoryBytes/mib, e.SpillBytes/mib, said)
		}
	}
}

// TestResumeFolderIsOneRuns holds that two runs of one output in a store, which has no
// lock, do not write to one folder of --temp-dir, and that equal names of files in
// different folders are different outputs.
func TestResumeFolderIsOneRuns(t *testing.T) {
	storetest.Start(t)
	dir, temporary := remoteShop(t), t.TempDir()
	folder := func(out string) string {
		target, err := (sink.Place{Path: out}).Resolve()
		if err != nil {
			t.Fatal(err)
		}
		f, err := (&backfillJob{target: target, tempDir: temporary}).resumeFolder()
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	const out = "s3://lake/x.parquet"
	release, err := sink.Lock(folder(out) + ".lock")
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"-o", out, "--resume", "--temp-dir", temporary}
	if code, said := backfilled(t, dir, "remote.yaml", args...); code != exitFailed || !strings.Contains(said, "--resume: for output "+out) || unclear(said) != "" {
		t.Errorf("beside another run: exit code %d, and it says %s", code, said)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	if code, said := backfilled(t, dir, "remote.yaml", args...); code != exitDone {
		t.Errorf("after it: exit code %d, and it says %s", code, said)
	}
	if left, err := filepath.Glob(filepath.Join(temporary, "*")); err != nil || len(left) > 0 {
		t.Errorf("there are %q (%v)", left, err)
	}
	t.Chdir(t.TempDir())
	here := folder("x.parquet")
	t.Chdir(t.TempDir())
	if folder("x.parquet") == here {
		t.Error("x.parquet of two folders is one run")
	}
}

// TestIdentityHasMarks holds that a run is not taken up where marks, which have no rows,
// tell another instant up to which a source is complete.
func TestIdentityHasMarks(t *testing.T) {
	dir := lakeFiles(t)
	identity := func() string {
		def, err := readDefinition(filepath.Join(dir, "lake.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		in := openInputs(t.Context(), def, "lake")
		plan, err := in.compile("lake")
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal((&backfillJob{set: "lake", target: &sink.Target{}}).identity(plan, in))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	before := identity()
	if identity() != before {
		t.Fatal("equal runs have different identities")
	}
	if err := os.WriteFile(filepath.Join(dir, "tx/dt=2026-01-01/_SUCCESS"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if identity() == before {
		t.Error("with another mark the run is the same")
	}
}
