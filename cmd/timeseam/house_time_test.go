package main_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// timeSpellers is the files that may calculate with an event.Time, each with its
// reason. Elsewhere an instant is only compared and carried, so that where a
// window ends, and when an event is known, is written once.
var timeSpellers = map[string]string{
	"features/event/time.go":       "stored instants of any unit become times here, by flooring",
	"features/aggregate/window.go": "window ends are spelled here alone",
	"timetravel/visible.go":        "when an event becomes known is decided here alone",
	"timetravel/lag.go":            "how long after its time an event arrived is a span, of which no value is made",
	"ledger/log.go":                "how far apart two entries of a log are, of which no value is made",
	"features/expr/literal.go":     "a date literal is an instant turned into days",
	"sources/convert.go":           "the day and the nanoseconds of an INT96 become one instant",
}

// TestHouseTimeArithmetic holds every other file to carrying and comparing instants.
func TestHouseTimeArithmetic(t *testing.T) {
	packages, imports := listPackages(t)
	for _, p := range packages {
		var files []*ast.File
		set := token.NewFileSet()
		for _, name := range p.GoFiles {
			f, err := parser.ParseFile(set, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, f)
		}
		faults, err := timeFaults(set, files, importer.ForCompiler(set, "gc", imports))
		if err != nil {
			t.Errorf("check %s: %v", p.ImportPath, err)
			continue
		}
		folder := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, modulePath), "/")
		for _, f := range faults {
			file := folder + "/" + filepath.Base(f.at.Filename)
			if timeSpellers[file] == "" {
				t.Errorf("%s:%d:%d: %s; only window.go and visible.go spell times, read docs/semantics.md S3 and S4", file, f.at.Line, f.at.Column, f.what)
			}
		}
	}
	for file := range timeSpellers {
		if _, err := os.Stat(filepath.Join(houseRoot, file)); err != nil {
			t.Errorf("%s may calculate with times and is not there", file)
		}
	}
}

// TestHouseTimeArithmeticIsFound holds the lint itself: each line marked so is found,
// and no other.
func TestHouseTimeArithmeticIsFound(t *testing.T) {
	const source = `package sample

import (
	"time"

	"github.com/timeseam/timeseam/features/event"
)

type query struct{ at event.Time }

type instant = event.Time

func sample(a, b event.Time, q *query, times []event.Time, n int64) {
	_ = a + b                                   // found
	_ = a - event.Time(n)                       // found
	_ = q.at * 2                                // found
	_ = times[0] / 1000                         // found
	_ = a % 60                                  // found
	_ = -a                                      // found
	q.at++                                      // found
	times[1] -= 5                               // found
	_ = int64(a) - int64(b)                     // found
	_ = n - (int64(b))                          // found
	_ = float64(int64(a)) / 1e6                 // found
	_ = uint64(a) >> 3                          // found
	n += int64(q.at)                            // found
	_ = func(c instant) instant { return c + 1 } // found
	_ = a < b && b >= q.at
	_ = max(a, b)
	_ = uint64(a)
	_ = event.Time(n + 1)
	_ = time.Duration(n) * 2
	_ = len(times) - 1
	n -= int64(len(times))
	_ = int64(a) == n-1
}
`
	_, imports := listPackages(t)
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "sample.go", source, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	faults, err := timeFaults(set, []*ast.File{file}, importer.ForCompiler(set, "gc", imports))
	if err != nil {
		t.Fatal(err)
	}
	found := map[int]bool{}
	for _, f := range faults {
		found[f.at.Line] = true
	}
	for i, line := range strings.Split(source, "\n") {
		if want := strings.HasSuffix(line, "// found"); want != found[i+1] {
			t.Errorf("line %d found %t, want %t: %s", i+1, found[i+1], want, strings.TrimSpace(line))
		}
	}
}

// timeFault is one place that calculates with an instant.
type timeFault struct {
	at   token.Position
	what string
}

// timeFaults finds what calculates with an event.Time, or with an integer that an
// event.Time is turned into on the spot.
func timeFaults(set *token.FileSet, files []*ast.File, im types.Importer) ([]timeFault, error) {
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}}
	config := types.Config{Importer: im}
	if _, err := config.Check("house", set, files, info); err != nil {
		return nil, err
	}
	var faults []timeFault
	see := func(at token.Pos, op token.Token, operands ...ast.Expr) {
		if !calculates[op] {
			return
		}
		for _, x := range operands {
			if isTime(info, x) {
				faults = append(faults, timeFault{set.Position(at), fmt.Sprintf("%s on an event.Time", op)})
				return
			}
		}
	}
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.BinaryExpr:
				see(n.OpPos, n.Op, n.X, n.Y)
			case *ast.UnaryExpr:
				see(n.OpPos, n.Op, n.X)
			case *ast.IncDecStmt:
				see(n.TokPos, n.Tok, n.X)
			case *ast.AssignStmt:
				if n.Tok != token.ASSIGN && n.Tok != token.DEFINE {
					see(n.TokPos, n.Tok, n.Lhs[0], n.Rhs[0])
				}
			}
			return true
		})
	}
	return faults, nil
}

var calculates = map[token.Token]bool{
	token.ADD: true, token.SUB: true, token.MUL: true, token.QUO: true, token.REM: true, token.AND: true, token.OR: true, token.XOR: true,
	token.SHL: true, token.SHR: true, token.AND_NOT: true, token.INC: true, token.DEC: true,
	token.ADD_ASSIGN: true, token.SUB_ASSIGN: true, token.MUL_ASSIGN: true, token.QUO_ASSIGN: true, token.REM_ASSIGN: true, token.AND_ASSIGN: true,
	token.OR_ASSIGN: true, token.XOR_ASSIGN: true, token.SHL_ASSIGN: true, token.SHR_ASSIGN: true, token.AND_NOT_ASSIGN: true,
}

// isTime reports whether an operand is an event.Time, or one in another guise: a
// conversion of one.
func isTime(info *types.Info, x ast.Expr) bool {
	x = ast.Unparen(x)
	if named, ok := types.Unalias(info.Types[x].Type).(*types.Named); ok {
		if o := named.Obj(); o.Name() == "Time" && o.Pkg() != nil && strings.HasSuffix(o.Pkg().Path(), "features/event") {
			return true
		}
	}
	call, ok := x.(*ast.CallExpr)
	return ok && len(call.Args) == 1 && info.Types[call.Fun].IsType() && isTime(info, call.Args[0])
}

// listed is what the go command knows of a package.
type listed struct {
	Dir, ImportPath, Export string
	GoFiles                 []string
	Module                  *struct{ Path string }
}

// goList is every package of the module and what it needs, by the go command. It
// has compiled them for this very test, so that this takes nothing from the
// network and little time.
var goList = sync.OnceValues(func() (packages []listed, err error) {
	cmd := exec.Command("go", "list", "-export", "-deps", "-e", "-json=Dir,ImportPath,Export,GoFiles,Module", "./...")
	cmd.Dir = houseRoot
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("go list: %w\n%s", err, errs.String())
	}
	for d := json.NewDecoder(&out); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return packages, nil
		} else if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		packages = append(packages, p)
	}
})

// listPackages returns the module's packages, and how to read what any package
// exports.
func listPackages(t *testing.T) (ours []listed, imports importer.Lookup) {
	t.Helper()
	packages, err := goList()
	if err != nil {
		t.Fatal(err)
	}
	exports := map[string]string{}
	for _, p := range packages {
		exports[p.ImportPath] = p.Export
		if p.Module != nil && p.Module.Path == modulePath && len(p.GoFiles) > 0 {
			ours = append(ours, p)
		}
	}
	if len(ours) == 0 {
		t.Fatal("go list names no package of the module")
	}
	return ours, func(path string) (io.ReadCloser, error) {
		if exports[path] == "" {
			return nil, fmt.Errorf("package %s does not compile; go build ./... tells why", path)
		}
		return os.Open(exports[path])
	}
}
