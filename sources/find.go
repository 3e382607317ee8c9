package sources

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/timeseam/timeseam/store"
)

// found is one file that a path names, and where the part of its path begins in
// which Hive partitions are looked for.
type found struct {
	path   string
	hive   string        // the folders between the root of the table and the file, with slashes
	mark   bool          // no file of the table: what a writer left in a partition when it was done
	object *store.Reader // nil: a file of this machine
}

// endings is how the names of a table's files may end. It chooses among the files
// of a folder; a file that is named itself may be called anything.
type endings struct {
	names  []string
	packed bool // an ending of compression may follow
}

var parquetEndings = endings{names: []string{".parquet"}}

// match reports whether a file so named is meant.
func (e endings) match(name string) bool {
	if e.packed {
		if end := path.Ext(name); slices.Contains(packedEndings, end) {
			name = strings.TrimSuffix(name, end)
		}
	}
	return slices.ContainsFunc(e.names, func(end string) bool { return strings.HasSuffix(name, end) })
}

// String is the endings as a person writes them: *.csv or *.tsv.
func (e endings) String() string { return "*" + strings.Join(e.names, " or *") }

// list resolves a path to the files it names, sorted.
func (ends endings) list(name string) ([]found, error) {
	files, _, err := ends.listed(name)
	return files, err
}

// listed is list, and what writers left beside the files.
func (ends endings) listed(name string) (files, marks []found, err error) {
	all, err := ends.all(name)
	if err != nil {
		return nil, nil, err
	}
	return ends.parted(name, all)
}

// parted tells files and marks apart. There must be a file.
func (ends endings) parted(name string, all []found) (files, marks []found, err error) {
	for _, f := range all {
		if f.mark {
			marks = append(marks, f)
		} else {
			files = append(files, f)
		}
	}
	if len(files) == 0 {
		err = fmt.Errorf("open %s: no %s file is there (names that begin with . or _ are skipped)", name, ends)
	}
	return files, marks, err
}

// all resolves a path to files and marks, sorted.
func (ends endings) all(name string) ([]found, error) {
	if scheme, _, ok := strings.Cut(name, "://"); ok {
		return nil, fmt.Errorf("open %s: reading from %s:// is not built yet; read from s3://, or copy the files to a local folder", name, scheme)
	}
	if name == "" {
		return nil, errors.New("open a table: its path is empty")
	}
	info, err := os.Stat(name)
	var files []found
	switch {
	case err == nil && info.IsDir():
		files, err = ends.walk(name, "", nil)
	case err == nil:
		return []found{{path: name}}, nil
	case isGlob(name):
		files, err = ends.glob(name)
	}
	if near := NearestFile(name); near != "" && errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open %s: %w (did you mean %s?)", name, cause(err), near)
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, cause(err))
	}
	slices.SortFunc(files, func(a, b found) int { return cmp.Compare(filepath.ToSlash(a.path), filepath.ToSlash(b.path)) })
	return slices.CompactFunc(files, func(a, b found) bool { return a.path == b.path }), nil
}

// NearestFile is the name in the same folder that a path which is not there may
// have meant; empty if there is none, or no such folder.
func NearestFile(name string) string {
	entries, err := os.ReadDir(filepath.Dir(name))
	if err != nil {
		return ""
	}
	var kin []sibling
	for _, e := range entries {
		kin = append(kin, sibling{e.Name(), e.IsDir()})
	}
	return nearestName(filepath.Base(name), kin)
}

// tableName reports whether a file so named holds rows.
func tableName(name string) bool {
	return parquetEndings.match(name) || csvEndings.match(name) || jsonEndings.match(name)
}

// cause drops from an error of the file system what the caller says itself: the
// operation and the path.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// skipped reports whether writers hide the name from readers: _SUCCESS, _delta_log,
// .part.crc. A partition's folder may begin with an underscore.
func skipped(name string) bool {
	return strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") && !strings.Contains(name, "=")
}

// marking reports whether a name that is skipped may be a mark: _SUCCESS in a
// partition. What a writer left elsewhere says nothing of a partition.
func marking(name, hive string) bool { return strings.HasPrefix(name, "_") && hive != "" }

// walk lists the files under a folder. Links to folders are followed, as
// leaving their files out would be a silent loss; above holds the real folders on
// the way, so that a circle is found.
func (ends endings) walk(folder, hive string, above []string) ([]found, error) {
	real, err := filepath.EvalSymlinks(folder)
	if err != nil {
		return nil, err
	}
	if slices.Contains(above, real) {
		return nil, fmt.Errorf("folder %s leads back into itself by a link", folder)
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, fmt.Errorf("folder %s: %w", folder, cause(err))
	}
	var files []found
	for _, e := range entries {
		full := filepath.Join(folder, e.Name())
		if skipped(e.Name()) {
			if marking(e.Name(), hive) && !e.IsDir() {
				files = append(files, found{path: full, hive: hive, mark: true})
			}
			continue
		}
		dir := e.IsDir()
		if e.Type()&fs.ModeSymlink != 0 {
			info, err := os.Stat(full)
			if err != nil {
				return nil, fmt.Errorf("link %s: %w", full, cause(err))
			}
			dir = info.IsDir()
		}
		switch {
		case dir:
			inner, err := ends.walk(full, path.Join(hive, e.Name()), append(slices.Clip(above), real))
			if err != nil {
				return nil, err
			}
			files = append(files, inner...)
		case ends.match(e.Name()):
			files = append(files, found{path: full, hive: hive})
		}
	}
	return files, nil
}

func isGlob(name string) bool { return strings.ContainsAny(name, "*?[") }

// glob lists what a pattern names: files, and all that match under the folders
// that it names. ** stands for any number of folders.
func (ends endings) glob(pattern string) ([]found, error) {
	segments := strings.Split(filepath.ToSlash(pattern), "/")
	first := slices.IndexFunc(segments, isGlob)
	root := strings.Join(segments[:first], "/")
	switch {
	case root == "" && first > 0:
		root = "/"
	case root == "":
		root = "."
	}
	for _, s := range segments[first:] {
		if _, err := path.Match(s, ""); err != nil {
			return nil, fmt.Errorf("%q is no pattern; a [ needs its ]", s)
		}
	}
	if _, err := os.Stat(root); err != nil {
		return nil, fmt.Errorf("folder %s: %w", root, cause(err))
	}
	m := matched{ends: ends}
	err := m.folder(root, "", segments[first:])
	return m.files, err
}

// matched is what a pattern was found to name.
type matched struct {
	ends  endings
	files []found
}

// folder adds what the pattern's segments name under a folder.
func (m *matched) folder(folder, hive string, segments []string) error {
	if len(segments) == 0 {
		inner, err := m.ends.walk(folder, hive, nil)
		m.files = append(m.files, inner...)
		return err
	}
	if segments[0] == "" {
		return m.folder(folder, hive, segments[1:])
	}
	if segments[0] == "**" {
		if err := m.folder(folder, hive, segments[1:]); err != nil {
			return err
		}
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return fmt.Errorf("folder %s: %w", folder, cause(err))
	}
	for _, e := range entries {
		if err := m.entry(e, folder, hive, segments); err != nil {
			return err
		}
	}
	return nil
}

// entry adds what the segments name of one entry of a folder.
func (m *matched) entry(e fs.DirEntry, folder, hive string, segments []string) error {
	// A name that is hidden is only meant where the pattern writes it out.
	full := filepath.Join(folder, e.Name())
	if named := segments[0] == e.Name(); skipped(e.Name()) && !named {
		if marking(e.Name(), hive) && !e.IsDir() {
			m.files = append(m.files, found{path: full, hive: hive, mark: true})
		}
		return nil
	}
	rest := segments[1:]
	if segments[0] == "**" {
		if e.Type()&fs.ModeSymlink != 0 || !e.IsDir() {
			return nil // What the segments after ** name is found by folder itself.
		}
		rest = segments
	} else if ok, _ := path.Match(segments[0], e.Name()); !ok {
		return nil
	}
	info, err := os.Stat(full)
	if err != nil {
		return fmt.Errorf("%s: %w", full, cause(err))
	}
	if info.IsDir() {
		return m.folder(full, path.Join(hive, e.Name()), rest)
	}
	// A pattern without an extension, such as *, means the files of the format.
	if len(rest) == 0 && (m.ends.match(e.Name()) || path.Ext(segments[0]) != "") {
		m.files = append(m.files, found{path: full, hive: hive})
	}
	return nil
}
