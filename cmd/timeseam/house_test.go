package main_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// The house tests hold the code to the rules of CONTRIBUTING.md. Each rule is data
// here, and every exception stands in a list with its reason.

const (
	modulePath = "github.com/timeseam/timeseam"
	houseRoot  = "../.."
)

// houseFile is one Go file of the module.
type houseFile struct {
	path   string // from the module's root, with slashes
	folder string // "." is the module's root
	syntax *ast.File
	lines  int
}

func (f *houseFile) test() bool { return strings.HasSuffix(f.path, "_test.go") }

// main reports whether the file belongs to a command.
func (f *houseFile) main() bool { return f.syntax.Name.Name == "main" }

var houseSet = token.NewFileSet()

// house is every Go file of the module, parsed once.
var house = sync.OnceValues(func() ([]*houseFile, error) {
	var files []*houseFile
	err := walkHouse(func(name string) error {
		if path.Ext(name) != ".go" {
			return nil
		}
		text, err := os.ReadFile(filepath.Join(houseRoot, filepath.FromSlash(name)))
		if err != nil {
			return err
		}
		syntax, err := parser.ParseFile(houseSet, name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		files = append(files, &houseFile{name, path.Dir(name), syntax, strings.Count(string(text), "\n")})
		return nil
	})
	return files, err
})

// walkHouse calls do for every file that belongs to the project. Hidden folders
// and testdata hold other things: caches, version control, samples.
func walkHouse(do func(name string) error) error {
	return filepath.WalkDir(houseRoot, func(full string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(houseRoot, full)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if d.IsDir() {
			hidden := strings.HasPrefix(d.Name(), ".") && name != "." && name != ".ci"
			if hidden || d.Name() == "testdata" || name == "bin" {
				return filepath.SkipDir
			}
			return nil
		}
		return do(name)
	})
}

func houseFiles(t *testing.T) []*houseFile {
	t.Helper()
	files, err := house()
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 20 {
		t.Fatalf("only %d Go files found under %s: the house is not there", len(files), houseRoot)
	}
	return files
}

// room is a folder of Go code and what it may import of ours.
type room struct {
	imports []string // allowed everywhere in the folder
	tests   []string // allowed besides in its tests
}

// rooms is the import table of docs/architecture.md, "The floors". A new row, or a
// new entry in one, is a design decision and comes with a note in docs/decisions.
var rooms = map[string]room{
	"features/event":     {},
	"features/expr":      {imports: []string{"features/event"}},
	"features/aggregate": {imports: []string{"features/event"}},
	"features":           {imports: []string{"features/event", "features/expr", "features/aggregate"}},
	"kafka":              {imports: []string{"features/event"}},
	"cutover":            {imports: []string{"features/event"}},
	"shelf":              {imports: []string{"features/event"}},
	"timetravel":         {imports: []string{"features", "features/event", "shelf"}, tests: []string{"features/expr", "features/aggregate", "live", "checkpoint", "sources", "sink"}},
	"live":               {imports: []string{"features", "features/event", "shelf"}},
	"checkpoint":         {imports: []string{"features/aggregate", "features/event", "live", "shelf", "store"}, tests: []string{"features", "store/storetest"}},
	"serve":              {imports: []string{"features", "features/event", "live"}},
	"ledger":             {imports: []string{"features/event", "live", "store"}, tests: []string{"store/storetest"}},
	"store":              {tests: []string{"store/storetest"}},
	"store/storetest":    {},
	"payload":            {imports: []string{"features/event"}},
	"sources":            {imports: []string{"features/event", "payload", "store"}, tests: []string{"store/storetest"}},
	"sink":               {imports: []string{"features/event", "store"}, tests: []string{"sources", "store/storetest"}},
	"fixtures":           {imports: []string{"features/event"}},
	"fixtures/generate":  {imports: []string{"fixtures"}},
	"cmd/timeseam":       {imports: []string{"features", "features/event", "features/expr", "features/aggregate", "shelf", "timetravel", "live", "checkpoint", "serve", "sources", "sink", "store", "fixtures", "kafka", "payload", "cutover", "ledger"}, tests: []string{"store/storetest"}},
}

// TestHouseRooms holds every import between our packages to the table.
func TestHouseRooms(t *testing.T) {
	for _, f := range houseFiles(t) {
		r, known := rooms[f.folder]
		if !known {
			t.Errorf("%s: folder %s has no row in the table of rooms; read docs/architecture.md, \"The floors\"", f.path, f.folder)
			continue
		}
		for _, imported := range importsOf(t, f) {
			ours, is := strings.CutPrefix(imported, modulePath+"/")
			if !is {
				continue
			}
			allowed := slices.Contains(r.imports, ours) || f.test() && (ours == f.folder || ours == "fixtures" || slices.Contains(r.tests, ours))
			if !allowed {
				t.Errorf("%s: %s may not import %s; read docs/architecture.md, \"The floors\"", f.path, f.folder, ours)
			}
		}
	}
	for folder := range rooms {
		if _, err := os.Stat(filepath.Join(houseRoot, folder)); err != nil {
			t.Errorf("the table of rooms has a row for %s, which is not there", folder)
		}
	}
}

func importsOf(t *testing.T, f *houseFile) (paths []string) {
	for _, spec := range f.syntax.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatalf("%s: import %s: %v", f.path, spec.Path.Value, err)
		}
		paths = append(paths, p)
		if spec.Name != nil && spec.Name.Name == "_" && p != "embed" { // go:embed of bytes asks for it
			t.Errorf("%s: blank import of %s; construct explicitly", f.path, p)
		}
	}
	return paths
}

// The standard library that meaning must do without: files, networks, processes,
// logs, goroutines' tools and reflection.
var technology = []string{"os", "net", "syscall", "unsafe", "log", "plugin", "database/sql", "archive", "compress", "embed", "io/ioutil", "path/filepath", "sync", "runtime", "reflect", "math/rand", "testing"}

// pure lists the folders that name no technology, with the packages of others
// that each may use all the same.
var pure = map[string][]string{
	"features/event":     {"github.com/apache/arrow-go/v18/arrow", "github.com/zeebo/xxh3", "sync/atomic"}, // Batch.Carried; Hash; a Dict's hashes are made by whichever worker asks first.
	"features/expr":      {"github.com/zeebo/xxh3", "embed", "archive/zip"},                                // hash(x); the time zones, which are bytes of the program.
	"features/aggregate": {},
	"features":           {"gopkg.in/yaml.v3"},    // A definition is YAML.
	"timetravel":         {"sync", "sync/atomic"}, // Workers, in shard.go and around it.
}

// TestHouseTechnology holds the rooms of meaning free of technology, and features free
// of goroutines and of the clock.
func TestHouseTechnology(t *testing.T) {
	for _, f := range houseFiles(t) {
		allowed, is := pure[f.folder]
		if !is || f.test() {
			continue
		}
		for _, imported := range importsOf(t, f) {
			if slices.Contains(allowed, imported) || strings.HasPrefix(imported, modulePath+"/") {
				continue
			}
			foreign := strings.Contains(strings.Split(imported, "/")[0], ".")
			if foreign || slices.ContainsFunc(technology, func(p string) bool { return imported == p || strings.HasPrefix(imported, p+"/") }) {
				t.Errorf("%s: %s knows no files, networks, goroutines or libraries and may not import %s; read CONTRIBUTING.md, \"Rooms\"", f.path, f.folder, imported)
			}
		}
		if strings.HasPrefix(f.folder, "features") {
			noGoroutine(t, f)
			noSelector(t, f, "time", clockFunctions, "no value depends on the clock")
			noSelector(t, f, "math", inexactFunctions, "its bits differ between machines; features/expr has its own")
		}
	}
}

func noGoroutine(t *testing.T, f *houseFile) {
	ast.Inspect(f.syntax, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			t.Errorf("%s: a goroutine in %s; parallelism is many states, split by key, in timetravel", houseSet.Position(n.Go), f.folder)
		case *ast.ChanType:
			t.Errorf("%s: a channel in %s; one state belongs to one goroutine", houseSet.Position(n.Begin), f.folder)
		}
		return true
	})
}

var (
	clockFunctions = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick", "Local", "LoadLocation"}
	// What of package math is assembly on some machines, or is written so that the
	// compiler may fuse a product and a sum.
	inexactFunctions = []string{"Exp", "Exp2", "Expm1", "Log", "Log10", "Log1p", "Log2", "Pow", "Sin", "Cos", "Sincos", "Tan", "Asin", "Acos", "Atan", "Atan2",
		"Sinh", "Cosh", "Tanh", "Asinh", "Acosh", "Atanh", "Hypot", "Cbrt", "Gamma", "Lgamma", "Erf", "Erfc", "FMA"}
)

// noSelector refuses names of a package of the standard library.
func noSelector(t *testing.T, f *houseFile, pkg string, names []string, why string) {
	ast.Inspect(f.syntax, func(n ast.Node) bool {
		s, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := s.X.(*ast.Ident); ok && x.Name == pkg && slices.Contains(names, s.Sel.Name) {
			t.Errorf("%s: %s.%s in %s: %s", houseSet.Position(s.Pos()), pkg, s.Sel.Name, f.folder, why)
		}
		return true
	})
}
