package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/timeseam/timeseam/store"
	"github.com/timeseam/timeseam/store/storetest"
)

// shop puts the definition and the tables of testdata/base.txtar into a folder.
func shop(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	base, err := txtar.ParseFile("testdata/base.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range base.Files {
		if table, is := strings.CutSuffix(f.Name, ".txt"); is {
			err = writeTable(filepath.Join(dir, table+".parquet"), string(f.Data))
		} else {
			err = os.WriteFile(filepath.Join(dir, f.Name), f.Data, 0o666)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// backfilled runs a backfill in this process.
func backfilled(t *testing.T, dir, spec string, args ...string) (code int, said string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = run(t.Context(), append([]string{"timeseam", "backfill", filepath.Join(dir, spec), "--progress", "none"}, args...), &stdout, &stderr)
	return code, stderr.String()
}

// lake is the bucket of tests, as its server has it now.
func lake(t *testing.T) *store.Bucket {
	t.Helper()
	b, err := store.New(store.Options{}).Bucket(t.Context(), storetest.Bucket)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// stored is all objects whose keys begin with a prefix, without reports of single runs,
// which tell times; and the uploads under way.
func stored(t *testing.T, b *store.Bucket, prefix string) map[string]string {
	t.Helper()
	all := map[string]string{}
	objects, err := b.List(t.Context(), prefix)
	waiting, more := b.Pending(t.Context(), prefix)
	if err = errors.Join(err, more); err != nil {
		t.Fatal(err)
	}
	for _, o := range objects {
		data := make([]byte, o.Size)
		if err := b.Reader(o).ReadAt(t.Context(), data, 0); err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(o.Key, runSuffix) {
			all[o.Key] = string(data)
		}
	}
	for _, p := range waiting {
		all[p.Key+" (under way)"] = p.ID
	}
	return all
}

// TestS3Output holds that a backfill into a store gives the files that it gives in a
// folder, and a manifest that differs in the ETags alone.
func TestS3Output(t *testing.T) {
	storetest.Start(t)
	outputsAgree(t, remoteShop(t))
}

// outputsAgree compares outputs in the bucket with those in folders.
func outputsAgree(t *testing.T, dir string) {
	b := lake(t)
	for _, args := range [][]string{
		{"train.parquet"}, {"train.csv.gz"}, {"set/"}, {"set/", "--partition-by", "user_id"}, {"set/", "--file-size", "1KiB", "--format", "jsonl"},
		{"days/", "--data-interval-start", "2026-01-01T00:00:00Z", "--data-interval-end", "2026-01-02T00:00:00Z"},
	} {
		root := t.TempDir()
		prefix := strings.ReplaceAll(strings.Join(args, ""), "/", "") + "/"
		for _, to := range []string{root + "/", "s3://lake/" + prefix} {
			if code, said := backfilled(t, dir, "remote.yaml", append([]string{"-o", to + args[0]}, args[1:]...)...); code != exitDone || said != "" {
				t.Fatalf("%v: %d, %s", args, code, said)
			}
		}
		got := stored(t, b, prefix)
		want := files(t, root)
		for name, data := range got {
			there := want[strings.TrimPrefix(name, prefix)]
			if strings.HasSuffix(name, manifestSuffix) {
				if !strings.Contains(data, `"etag"`) {
					t.Errorf("%v: %s has no ETags", args, name)
				}
				data, there = withoutTags(data), withoutTags(there)
			}
			if data != there {
				t.Errorf("%v: %s is not what it is in a folder", args, name)
			}
		}
		if len(got) != len(want) {
			t.Errorf("%v: %d objects, and %d files in a folder", args, len(got), len(want))
		}
	}
}

// files is all files below a folder but the reports of single runs.
func files(t *testing.T, root string) map[string]string {
	t.Helper()
	all := map[string]string{}
	paths, err := filepath.Glob(root + "/*")
	for _, deeper := range []string{"/*/*", "/*/*/*"} {
		more, e := filepath.Glob(root + deeper)
		paths, err = append(paths, more...), errors.Join(err, e)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		if at, err := os.Stat(path); err != nil || at.IsDir() || strings.HasSuffix(path, runSuffix) {
			continue
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name, _ := filepath.Rel(root, path)
		all[filepath.ToSlash(name)] = string(data)
	}
	return all
}

// withoutTags takes the ETags out of a manifest.
func withoutTags(manifest string) string {
	var kept []string
	for line := range strings.Lines(manifest) {
		if strings.HasPrefix(strings.TrimSpace(line), `"etag": `) {
			kept[len(kept)-1] = strings.Replace(kept[len(kept)-1], ",\n", "\n", 1)
			continue
		}
		kept = append(kept, line)
	}
	return strings.Join(kept, "")
}

// ordeal is a backfill through a proxy that fails as a seed says.
type ordeal struct {
	server string
	bucket *store.Bucket
	dir    string
	seed   int
}

// ordealOutputs are what ordeals write, in turn.
var ordealOutputs = [][]string{
	{"train.parquet"}, {"set/", "--partition-by", "user_id"},
	{"days/", "--data-interval-start", "2026-01-01T00:00:00Z", "--data-interval-end", "2026-01-02T00:00:00Z"},
}

// prefix is what the keys of the ordeal's output begin with.
func (r *ordeal) prefix() string { return fmt.Sprintf("seed%d/", r.seed) }

// output is the arguments that say what is written. Every third one replaces
// another output.
func (r *ordeal) output() (args []string, replaces bool) {
	args = slices.Clone(ordealOutputs[r.seed%len(ordealOutputs)])
	args[0] = "s3://lake/" + r.prefix() + args[0]
	return args, r.seed/len(ordealOutputs)%3 == 0
}

// run is the program with an endpoint.
func (r *ordeal) run(t *testing.T, endpoint string, more ...string) (code int, said string) {
	args, _ := r.output()
	cmd := command(t, r.dir, slices.Concat([]string{"backfill", "remote.yaml", "--progress", "none", "-o"}, args, more)...)
	cmd.Env = os.Environ()
	storetest.Use(func(name, value string) { cmd.Env = append(cmd.Env, name+"="+value) }, endpoint)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	return exitCode(cmd.Run()), stderr.String()
}

// whole is what a run without faults leaves.
func (r *ordeal) whole(t *testing.T, more ...string) map[string]string {
	if code, said := r.run(t, r.server, more...); code != exitDone {
		t.Errorf("seed %d without faults: %d, %s", r.seed, code, said)
	}
	return stored(t, r.bucket, r.prefix())
}

// hold holds that the run ends with the bytes of one without faults, or with an error
// that says why and with what was there before; and that the next run makes it good.
// How it ended is done, failed, or unfinished: failed, and its manifest says so.
func (r *ordeal) hold(t *testing.T) (ended string) {
	before := map[string]string{}
	args, replaces := r.output()
	if replaces {
		before = r.whole(t, "--compression", "zstd")
	}
	schedule := storetest.Schedule{Seed: uint64(r.seed), Rate: 0.05 * float64(1+r.seed%11)}
	if r.seed%2 == 1 { // Many runs that read at such rates never come to write.
		schedule.Only = func(q *http.Request) bool { return !strings.Contains(q.URL.Path, "/in/") }
	}
	proxy := storetest.NewProxy(t, r.server, schedule)
	code, said := r.run(t, proxy.URL)
	after := stored(t, r.bucket, r.prefix())
	want := r.whole(t)
	for key := range want {
		if strings.HasSuffix(key, " (under way)") {
			t.Errorf("seed %d, %v: the next run leaves an upload to %s", r.seed, args, key)
		}
	}
	if code == exitDone {
		if !maps.Equal(after, want) {
			t.Errorf("seed %d, %v: other bytes; there are %q", r.seed, args, slices.Sorted(maps.Keys(after)))
		}
		return "done"
	}
	if why := unclear(said); code != exitFailed || why != "" {
		t.Errorf("seed %d, %v: exit code %d, and what is said %s:\n%s", r.seed, args, code, why, said)
	}
	for key, text := range after {
		if strings.HasSuffix(key, manifestSuffix) && strings.Contains(text, `"unfinished"`) {
			return "unfinished"
		}
	}
	maps.DeleteFunc(after, func(key, _ string) bool { return strings.HasSuffix(key, " (under way)") })
	if !maps.Equal(after, before) {
		t.Errorf("seed %d, %v: it says %sand there are %q, before %q", r.seed, args, said, slices.Sorted(maps.Keys(after)), slices.Sorted(maps.Keys(before)))
	}
	return "failed"
}

// ordeals holds many seeds, some beside each other as they mostly wait.
func ordeals(t *testing.T, server string, seeds int) {
	storetest.Use(t.Setenv, server)
	b, dir := lake(t), remoteShop(t)
	ended := map[string]int{}
	var mu sync.Mutex
	var all sync.WaitGroup
	free := make(chan bool, 8)
	for seed := range seeds {
		free <- true
		all.Go(func() {
			defer func() { <-free }()
			how := (&ordeal{server, b, dir, seed}).hold(t)
			mu.Lock()
			defer mu.Unlock()
			ended[how]++
		})
	}
	all.Wait()
	t.Logf("of %d: %v", seeds, ended)
	if ended["done"] < seeds/4 || ended["failed"] == 0 {
		t.Errorf("of %d schedules %v: too few of a kind to hold anything", seeds, ended)
	}
}

// remoteShop puts the tables of testdata/base.txtar into the bucket, and a definition
// over them into a folder.
func remoteShop(t *testing.T) (dir string) {
	t.Helper()
	b, dir := lake(t), shop(t)
	text, err := os.ReadFile(filepath.Join(dir, "features.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"tx.parquet", "users.parquet", "labels.parquet"} {
		data, err := os.ReadFile(filepath.Join(dir, table))
		if err == nil {
			_, err = b.Put(t.Context(), "in/"+table, data, store.Anything)
		}
		if err != nil {
			t.Fatal(err)
		}
		text = bytes.ReplaceAll(text, []byte("parquet: "+table), []byte("parquet: s3://lake/in/"+table))
	}
	if err := os.WriteFile(filepath.Join(dir, "remote.yaml"), text, 0o666); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestS3Faults runs through a few schedules of faults; the integration tests through
// many.
func TestS3Faults(t *testing.T) { ordeals(t, storetest.Start(t).URL, 40) }

// TestS3Spared holds that an output is not written over what a run reads.
func TestS3Spared(t *testing.T) {
	storetest.Start(t)
	dir := remoteShop(t)
	for out, problem := range map[string]string{
		"s3://lake/in/tx.parquet":     "output s3://lake/in/tx.parquet is, or would be, a file of the history of source tx",
		"s3://lake/in/labels.parquet": "is, or would be, a file of the spine of training set train",
		"s3://lake/in/":               "is, or would be, a file of the history of source tx",
		"s3://lake/in2/":              "",
		"s3://lake/tx.parquet":        "",
	} {
		code, said := backfilled(t, dir, "remote.yaml", "-o", out)
		if problem == "" && code != exitDone || problem != "" && (code != exitWrong || !strings.Contains(said, problem)) {
			t.Errorf("%s: %d, %s", out, code, said)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "remote.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	table, err := os.ReadFile(filepath.Join(dir, "tx.parquet"))
	if err == nil {
		_, err = lake(t).Put(t.Context(), "in3/tx.parquet", table, store.Anything)
	}
	if err != nil {
		t.Fatal(err)
	}
	for history, out := range map[string]string{"s3://lake/in/tx*.parquet": "s3://lake/in/tx2.parquet", "s3://lake/*/tx.parquet": "s3://lake/out/tx.parquet", "s3://lake/in3": "s3://lake/in3/day/new.parquet"} {
		if err := os.WriteFile(filepath.Join(dir, "many.yaml"), bytes.ReplaceAll(text, []byte("s3://lake/in/tx.parquet"), []byte(history)), 0o666); err != nil {
			t.Fatal(err)
		}
		if code, said := backfilled(t, dir, "many.yaml", "-o", out); code != exitWrong || !strings.Contains(said, "is, or would be, a file of the history of source tx") {
			t.Errorf("%s over %s: %d, %s", out, history, code, said)
		}
	}
}

// TestS3Docs runs the backfills that docs/s3.md shows with an output in a bucket, over
// the shop.
func TestS3Docs(t *testing.T) {
	storetest.Start(t)
	dir := remoteShop(t)
	page, err := os.ReadFile("../../docs/s3.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := 0
	for _, line := range commandLines(string(page)) {
		words := strings.Fields(line)
		if words[0] != "backfill" || !slices.Contains(words, "-o") {
			continue
		}
		shown++
		if code, said := backfilled(t, dir, "remote.yaml", words[2:]...); code != exitDone || said != "" {
			t.Errorf("%s: %d, %s", line, code, said)
		}
	}
	if shown < 3 {
		t.Errorf("the page shows %d backfills", shown)
	}
}
