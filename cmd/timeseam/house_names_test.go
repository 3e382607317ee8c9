package main_test

import (
	"go/ast"
	"path"
	"slices"
	"strings"
	"testing"
)

// Names that say nothing: of packages, and as endings of types.
var (
	emptyPackages = []string{"util", "utils", "common", "helper", "helpers", "types", "models", "base", "core", "manager", "misc", "lib", "shared", "internal"}
	emptyEndings  = []string{"Manager", "Helper", "Util", "Utils", "Service", "Provider", "Factory", "Handler", "Wrapper", "Impl", "Base"}
)

// fieldNouns are types that may end so, because users of the field call them so.
var fieldNouns = []string{"features.Service"}

// TestHouseNames holds names of packages and types to those that say something.
func TestHouseNames(t *testing.T) {
	for _, f := range houseFiles(t) {
		name := f.syntax.Name.Name
		if base := path.Base(f.folder); !f.main() && strings.TrimSuffix(name, "_test") != base && name != "main_test" {
			t.Errorf("%s: package %s stands in folder %s", f.path, name, base)
		}
		if slices.Contains(emptyPackages, name) {
			t.Errorf("%s: package %s says nothing; name it for what it holds", f.path, name)
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			s, ok := n.(*ast.TypeSpec)
			if !ok || slices.Contains(fieldNouns, name+"."+s.Name.Name) {
				return true
			}
			for _, ending := range emptyEndings {
				if strings.HasSuffix(s.Name.Name, ending) {
					t.Errorf("%s: type %s ends in %s; name it for what it does", houseSet.Position(s.Pos()), s.Name.Name, ending)
				}
			}
			return true
		})
	}
}

// TestHousePackageComments holds that every package says in doc.go what it is; a
// command may say it in main.go.
func TestHousePackageComments(t *testing.T) {
	said, commands := map[string]string{}, map[string]bool{}
	for _, f := range houseFiles(t) {
		if f.test() {
			continue
		}
		commands[f.folder] = f.main()
		if said[f.folder] == "" {
			said[f.folder] = "nothing"
		}
		if f.syntax.Doc == nil {
			continue
		}
		if other := said[f.folder]; other != "nothing" {
			t.Errorf("%s: %s comments the package already", f.path, other)
		}
		said[f.folder] = f.path
	}
	for folder, file := range said {
		if base := path.Base(file); base != "doc.go" && !(commands[folder] && base == "main.go") {
			t.Errorf("%s: the package comment stands in %s; it belongs in doc.go", folder, file)
		}
	}
}

// TestHouseComments holds that every exported name is documented, by sentences that
// begin with the name.
func TestHouseComments(t *testing.T) {
	for _, f := range houseFiles(t) {
		if f.test() || f.main() {
			continue
		}
		for _, d := range f.syntax.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && exportedReceiver(d) {
					documented(t, d.Name, d.Doc)
				}
			case *ast.GenDecl:
				declared(t, d)
			}
		}
	}
}

func exportedReceiver(fn *ast.FuncDecl) bool {
	return fn.Recv == nil || len(fn.Recv.List) == 0 || ast.IsExported(receiver(fn.Recv.List[0].Type))
}

// declared looks at types, constants and variables. One comment over a group of
// constants or variables will do for all of them.
func declared(t *testing.T, d *ast.GenDecl) {
	grouped := d.Lparen.IsValid() && d.Doc != nil
	for _, spec := range d.Specs {
		switch s := spec.(type) {
		case *ast.TypeSpec:
			doc := s.Doc
			if doc == nil && !d.Lparen.IsValid() {
				doc = d.Doc
			}
			if s.Name.IsExported() {
				documented(t, s.Name, doc)
			}
		case *ast.ValueSpec:
			doc := s.Doc
			if doc == nil && !d.Lparen.IsValid() {
				doc = d.Doc
			}
			for _, name := range s.Names {
				if name.IsExported() && !grouped && (len(s.Names) == 1 || doc == nil) {
					documented(t, name, doc)
				}
			}
		}
	}
}

func documented(t *testing.T, name *ast.Ident, doc *ast.CommentGroup) {
	t.Helper()
	at := houseSet.Position(name.Pos())
	text := strings.TrimSpace(doc.Text())
	words := strings.Fields(text)
	if len(words) == 0 {
		t.Errorf("%s: exported %s has no comment", at, name.Name)
		return
	}
	if slices.Contains([]string{"A", "An", "The"}, words[0]) && len(words) > 1 {
		words = words[1:]
	}
	if first := strings.TrimRight(words[0], ".,:;'s"); first != strings.TrimRight(name.Name, "s") && words[0] != name.Name {
		t.Errorf("%s: the comment of %s begins with %q; begin it with the name", at, name.Name, words[0])
	}
	if !strings.ContainsAny(text[len(text)-1:], ".:!?)") {
		t.Errorf("%s: the comment of %s does not end with a full stop", at, name.Name)
	}
}
