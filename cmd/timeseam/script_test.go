package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/rogpeppe/go-internal/txtar"
	"github.com/timeseam/timeseam/store/storetest"
)

// The scripts of testdata/script hold what the program says and leaves behind. Each
// starts with the definition and the data of testdata/base.txtar. Beside the commands
// of testscript they have
//
//	fails CODE ARGS...       timeseam ARGS ends with CODE, says why, and leaves nothing
//	parquet FILE TABLE       makes a Parquet file of a plain-text table (table_test.go)
//	rows FILE                prints a Parquet or Arrow file as such a table; - is stdout
//	change NEW OLD FROM TO   copies OLD to NEW with the words FROM, once there, made TO
//	fails-in CODE LINE       the same of a line of the shell
//	is-json FILE             a file, or stdout, is JSON
//	object KEY FILE          puts a file into s3://lake, under a key of the script's own ($LAKE)
//	checkpoints DIR N        makes a folder with the checkpoints of a daemon behind each of N batches
//	large FILE               makes a definition of more than 1 MiB
//	damage FILE cut N        leaves the first N bytes of a file
//	damage FILE flip N       turns all bits of byte N, from the end if negative
func TestScript(t *testing.T) {
	objects := storetest.Serve(t)
	testscript.Run(t, testscript.Params{
		Dir:      "testdata/script",
		Deadline: time.Now().Add(8 * time.Minute),
		Setup: func(e *testscript.Env) error {
			storetest.Use(e.Setenv, objects.URL)
			e.Setenv("LAKE", "s3://"+storetest.Bucket+"/"+filepath.Base(e.WorkDir))
			return setBase(e)
		},
		Condition: func(is string) (bool, error) {
			if is != "plain-user" {
				return false, fmt.Errorf("no condition %s", is)
			}
			return os.Getuid() > 0, nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"fails": fails, "fails-in": failsIn, "parquet": scriptParquet, "rows": scriptRows, "change": change, "damage": damage, "large": large, "is-json": isJSON, "checkpoints": scriptCheckpoints,
			"object": func(ts *testscript.TestScript, neg bool, args []string) {
				usage(ts, neg || len(args) != 2, "object KEY FILE")
				objects.Put(path.Join(filepath.Base(ts.Getenv("LAKE")), args[0]), []byte(ts.ReadFile(args[1])))
			},
		},
	})
}

// TestMain makes the test binary the program too: scripts, and tests that need a
// process of their own, start it by the name timeseam.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"timeseam": main})
}

// setBase puts the files of testdata/base.txtar beside those of the script, which
// may have others of the same names, and makes Parquet files of the tables.
func setBase(e *testscript.Env) error {
	base, err := txtar.ParseFile("testdata/base.txtar")
	if err != nil {
		return err
	}
	for _, f := range base.Files {
		path := filepath.Join(e.WorkDir, f.Name)
		text, err := os.ReadFile(path)
		if err != nil {
			text, err = f.Data, os.WriteFile(path, f.Data, 0o666)
		}
		if table, is := strings.CutSuffix(path, ".txt"); is && err == nil {
			err = writeTable(table+".parquet", string(text))
		}
		if err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	return nil
}

// usage stops a script that calls a command wrongly.
func usage(ts *testscript.TestScript, wrong bool, text string) {
	if wrong {
		ts.Fatalf("usage: %s", text)
	}
}

func fails(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg || len(args) < 1, "fails CODE ARGS...")
	failing(ts, args[0], append([]string{"timeseam"}, args[1:]...))
}

func failsIn(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg || len(args) != 2, "fails-in CODE LINE")
	failing(ts, args[0], []string{"sh", "-c", args[1]})
}

// failing holds that a command ends with a code, tells why, and leaves nothing.
func failing(ts *testscript.TestScript, want string, command []string) {
	before := tree(ts)
	code := 0
	if err := ts.Exec(command[0], command[1:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("start %s: %v", command[0], err)
		}
		code = exit.ExitCode()
	}
	if strconv.Itoa(code) != want {
		ts.Fatalf("exit code %d, want %s", code, want)
	}
	if ts.ReadFile("stdout") != "" {
		ts.Fatalf("a failure is told on standard error alone")
	}
	if why := unclear(ts.ReadFile("stderr")); why != "" {
		ts.Fatalf("what is said of the failure %s", why)
	}
	if after := tree(ts); !slices.Equal(before, after) {
		ts.Fatalf("the failure leaves other files than before:\n%s\nbefore:\n%s", strings.Join(after, "\n"), strings.Join(before, "\n"))
	}
}

var (
	// insides is what only a programmer understands.
	insides = regexp.MustCompile(`panic|goroutine \d|\.go:\d|\*?\b(fs|os|yaml|strconv|event|features|sources|sink|expr|errors|parquet|format|thrift)\.[A-Z]\w+|%!|<nil>|0x[0-9a-f]{6}|interface \{|strconv|invalid syntax`)
	// faultLine is how a fault of a definition begins.
	faultLine = regexp.MustCompile(`^(note: )?[^ :]+(:\d+:\d+)?: \S`)
	// quotedLine is a line of a definition below its fault, or the marks below that.
	quotedLine = regexp.MustCompile(`^ +\d* \| .`)
)

// unclear says what is wrong with what was said of a failure: it is one sentence
// of the program, or a line a fault; "" where it is well.
func unclear(said string) string {
	lines := strings.Split(said, "\n")
	switch {
	case said == "":
		return "is nothing"
	case lines[len(lines)-1] != "":
		return "has no end of line"
	case insides.MatchString(said):
		return "names the program's insides: " + insides.FindString(said)
	case strings.HasPrefix(said, "timeseam: ") && len(lines) > 2:
		return "is more than one line"
	}
	for i, line := range lines[:len(lines)-1] {
		switch {
		case i > 0 && quotedLine.MatchString(line):
		case !faultLine.MatchString(line):
			return "has a line that does not begin with timeseam: or a place: " + line
		case len(line) > 400:
			return "is too long to read: " + line
		}
	}
	return ""
}

// tree is the files below the script's directory, with their sizes.
func tree(ts *testscript.TestScript) (files []string) {
	root := ts.Getenv("WORK")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		files = append(files, rel+" "+strconv.FormatInt(info.Size(), 10))
		return err
	})
	ts.Check(err)
	return files
}

func change(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg || len(args) != 4, "change NEW OLD FROM TO")
	text, from, to := ts.ReadFile(args[1]), unescape(args[2]), unescape(args[3])
	if n := strings.Count(text, from); n != 1 {
		ts.Fatalf("%q is %d times in %s", from, n, args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Replace(text, from, to, 1)), 0o666))
}

// unescape makes \n and \t what they mean: a word of a script cannot hold them.
func unescape(s string) string {
	return strings.NewReplacer(`\n`, "\n", `\t`, "\t").Replace(s)
}

func damage(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg || len(args) != 3, "damage FILE cut|flip N")
	data := []byte(ts.ReadFile(args[0]))
	n, err := strconv.Atoi(args[2])
	ts.Check(err)
	if n < 0 {
		n += len(data)
	}
	if args[1] == "cut" {
		data = data[:n]
	} else {
		data[n] = ^data[n]
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), data, 0o666))
}

func large(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg || len(args) != 1, "large FILE")
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), bytes.Repeat([]byte("# much\n"), definitionMax/6), 0o666))
}

func isJSON(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg || len(args) != 1, "is-json FILE")
	if !json.Valid([]byte(ts.ReadFile(args[0]))) {
		ts.Fatalf("%s is no JSON", args[0])
	}
}

// TestUnclear holds that scripts can tell a sentence from what is none.
func TestUnclear(t *testing.T) {
	for _, said := range []string{
		"timeseam: open x.parquet: it is empty\n",
		"a.yaml:3:4: unknown key `x`\n 3 |    x: 1\n   |    ^\nnote: a.yaml: no history\n",
	} {
		if why := unclear(said); why != "" {
			t.Errorf("%q %s", said, why)
		}
	}
	for _, said := range []string{
		"", "timeseam: no end", " 3 |    x: 1\n", "timeseam: two\nlines\n", "nobody says this\n",
		"timeseam: panic: index out of range\n", "timeseam: strconv.ParseInt: parsing \"x\": invalid syntax\n",
		"timeseam: open x: *fs.PathError\n", "timeseam: value is %!d(string=x)\n", "timeseam: main.go:12: oh\n",
		"a.yaml:3:4: " + strings.Repeat("x", 400) + "\n",
	} {
		if unclear(said) == "" {
			t.Errorf("%q passes for a clear sentence", said)
		}
	}
}
