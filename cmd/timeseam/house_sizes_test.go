package main_test

import (
	"fmt"
	"go/ast"
	"slices"
	"testing"
)

// The caps of the house. They are a ratchet: an exception is lowered or removed,
// and a new one needs its reason.
const (
	functionLinesMax = 70
	functionMedian   = 12
	fileLinesMax     = 600
	parametersMax    = 4
	methodsMax       = 4
)

// overlong is the exceptions: what is above a cap, how far it may be, and why.
var overlong = map[string]struct {
	max int
	why string
}{
	"features/aggregate/exact.go roundFloat parameters": {5, "the parts of one number, highest first"},
	"features/aggregate/fold.go fold":                   {5, "what a run asks of its folds, within one package"},
	"ledger/place.go place":                             {5, "a folder or a bucket of files: each can be listed, read, written, removed and named"},
	"features/compile.go compiler.fault parameters":     {5, "a place and what is said of it; most lines of the compiler call it"},
	"features/expr/choose.go decide parameters":         {5, "the inside of one loop over rows"},
	"timetravel/step.go step parameters":                {6, "the one step, the inside of the sweep's loop"},
}

// TestHouseSizes holds functions, files, parameter lists and interfaces to the caps.
// Functions of tests may be as long as their tables.
func TestHouseSizes(t *testing.T) {
	used := map[string]bool{}
	check := func(what string, n, limit int, unit string) {
		x, excepted := overlong[what]
		used[what] = excepted
		switch {
		case n <= limit && excepted:
			t.Errorf("%s has %d %s and needs its exception no more", what, n, unit)
		case n > limit && !excepted:
			t.Errorf("%s has %d %s, and the cap is %d; cut it, or list it with the reason", what, n, unit, limit)
		case n > limit && n > x.max:
			t.Errorf("%s has %d %s, and its exception ends at %d (%s)", what, n, unit, x.max, x.why)
		}
	}
	lengths := map[string][]int{}
	for _, f := range houseFiles(t) {
		check(f.path, f.lines, fileLinesMax, "lines")
		for _, d := range f.syntax.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if name, n := f.path+" "+functionName(fn), linesOf(fn); !f.test() {
				check(name, n, functionLinesMax, "lines")
				check(name+" parameters", parameters(fn.Type), parametersMax, "parameters")
				lengths[f.folder] = append(lengths[f.folder], n)
			}
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			if s, ok := n.(*ast.TypeSpec); ok {
				if i, ok := s.Type.(*ast.InterfaceType); ok {
					check(f.path+" "+s.Name.Name, i.Methods.NumFields(), methodsMax, "methods")
				}
			}
			return true
		})
	}
	for what := range overlong {
		if !used[what] {
			t.Errorf("the exception for %s is of nothing that is there", what)
		}
	}
	reportLengths(t, lengths)
}

// reportLengths logs the length of functions by folder and holds the median.
func reportLengths(t *testing.T, lengths map[string][]int) {
	var all []int
	for folder, of := range lengths {
		slices.Sort(of)
		all = append(all, of...)
		t.Logf("%-20s %4d functions: median %2d lines, 90 of 100 within %2d, longest %2d", folder, len(of), of[len(of)/2], of[len(of)*9/10], of[len(of)-1])
	}
	slices.Sort(all)
	if m := all[len(all)/2]; m > functionMedian {
		t.Errorf("the median function has %d lines, and the cap is %d", m, functionMedian)
	}
}

// linesOf is the length of a function, its comment apart.
func linesOf(fn *ast.FuncDecl) int {
	return houseSet.Position(fn.End()).Line - houseSet.Position(fn.Pos()).Line + 1
}

func functionName(fn *ast.FuncDecl) string {
	if fn.Recv == nil || len(fn.Recv.List) == 0 {
		return fn.Name.Name
	}
	return receiver(fn.Recv.List[0].Type) + "." + fn.Name.Name
}

// receiver is the name of a method's type.
func receiver(x ast.Expr) string {
	switch x := x.(type) {
	case *ast.StarExpr:
		return receiver(x.X)
	case *ast.IndexExpr:
		return receiver(x.X)
	case *ast.IndexListExpr:
		return receiver(x.X)
	case *ast.Ident:
		return x.Name
	}
	return fmt.Sprintf("%T", x)
}

// parameters counts what a caller must put in order; the context does not count.
func parameters(f *ast.FuncType) (n int) {
	for _, p := range f.Params.List {
		if s, ok := p.Type.(*ast.SelectorExpr); ok && s.Sel.Name == "Context" {
			continue
		}
		n += max(1, len(p.Names))
	}
	return n
}
