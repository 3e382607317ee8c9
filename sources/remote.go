package sources

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/store"
)

// Finder finds tables by their paths: among the files of this machine and, where
// it has a client, among the objects of buckets. Both are found by the same rules.
type Finder struct {
	Store *store.Client

	window int64 // of what is fetched ahead; 0: windowSize
}

// Find opens the table that a path of this machine names: a file, a glob, or a
// directory, of which it takes all *.parquet files below it, in the order of their
// paths. Folders called key=value between the directory and a file are columns.
func Find(path string) (*Table, error) { return Finder{}.Find(context.Background(), path) }

// FindText opens the table of CSV or JSON lines that a path of this machine names,
// as Find does.
func FindText(path string, d Dialect) (*Table, error) {
	return Finder{}.FindText(context.Background(), path, d)
}

// list resolves a path to the files it names, sorted.
func (f Finder) list(ctx context.Context, ends endings, name string) ([]found, error) {
	files, _, err := f.listed(ctx, ends, name)
	return files, err
}

// listed is list, and what writers left beside the files.
func (f Finder) listed(ctx context.Context, ends endings, name string) (files, marks []found, err error) {
	if !store.Is(name) {
		return ends.listed(name)
	}
	all, err := f.all(ctx, ends, name)
	if err != nil {
		return nil, nil, err
	}
	return ends.parted(name, all)
}

// all resolves an address to objects and marks, sorted.
func (f Finder) all(ctx context.Context, ends endings, name string) ([]found, error) {
	at, err := store.Parse(name)
	if err != nil {
		return nil, fmt.Errorf("open a table: %w", err)
	}
	if f.Store == nil {
		return nil, fmt.Errorf("open %s: there is no access to buckets here", name)
	}
	bucket, err := f.Store.Bucket(ctx, at.Bucket)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	o := objects{ends: ends, bucket: bucket}
	files, err := o.named(ctx, at.Key)
	if errors.Is(err, store.ErrNotFound) {
		if near := o.nearest(ctx, at.Key); near != "" {
			err = fmt.Errorf("%w (did you mean %s?)", err, near)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	slices.SortFunc(files, func(a, b found) int { return cmp.Compare(a.path, b.path) })
	return files, nil
}

// objects finds the objects of a bucket that a key names, by the rules for files:
// what stands between two slashes of a key is the name of a folder.
type objects struct {
	ends   endings
	bucket *store.Bucket
}

// named lists what a key names: an object, a folder, or a pattern.
func (o objects) named(ctx context.Context, key string) ([]found, error) {
	if isGlob(key) {
		return o.glob(ctx, key)
	}
	if key != "" && !strings.HasSuffix(key, "/") {
		one, err := o.bucket.Stat(ctx, key)
		if err == nil {
			return []found{o.found(one, "")}, nil
		}
		if !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
		key += "/"
	}
	all, err := o.bucket.List(ctx, key)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 && key != "" {
		return nil, store.ErrNotFound
	}
	return o.folder(key, all), nil
}

// folder takes those of some objects that a walk through a folder does.
func (o objects) folder(key string, all []store.Object) (files []found) {
	for i := range all {
		if below, is := strings.CutPrefix(all[i].Key, key); is {
			files = o.add(files, all[i], o.walk("", strings.Split(below, "/")))
		}
	}
	return files
}

// taking says whether an object is taken, and as what.
type taking struct {
	is, mark bool
	hive     string
}

func (o objects) add(files []found, at store.Object, t taking) []found {
	if !t.is {
		return files
	}
	f := o.found(at, t.hive)
	f.mark = t.mark
	return append(files, f)
}

func (o objects) found(at store.Object, hive string) found {
	return found{path: o.bucket.Address(at.Key).String(), hive: hive, object: o.bucket.Reader(at)}
}

// walk is what a walk through a folder makes of what has these names on its way
// below it, the last one being its own; root is the way to the folder.
func (o objects) walk(root string, names []string) taking {
	last := len(names) - 1
	t := taking{hive: path.Join(root, path.Join(names[:last]...))}
	if !slices.ContainsFunc(names[:last], skipped) {
		t.mark = skipped(names[last]) && marking(names[last], t.hive)
		t.is = t.mark || !skipped(names[last]) && o.ends.match(names[last])
	}
	return t
}

// glob lists what a pattern names. Only what begins as the pattern does up to its
// first sign is asked for.
func (o objects) glob(ctx context.Context, pattern string) ([]found, error) {
	segments := strings.Split(pattern, "/")
	first := slices.IndexFunc(segments, isGlob)
	for _, s := range segments[first:] {
		if _, err := path.Match(s, ""); err != nil {
			return nil, fmt.Errorf("%q is no pattern; a [ needs its ]", s)
		}
	}
	root := strings.Join(segments[:first], "/")
	if first > 0 {
		root += "/"
	}
	fixed := segments[first][:strings.IndexAny(segments[first], `*?[\`)]
	all, err := o.bucket.List(ctx, root+fixed)
	if err != nil {
		return nil, err
	}
	// What is called so is meant before what is called alike.
	for i := range all {
		if all[i].Key == pattern {
			return []found{o.found(all[i], "")}, nil
		}
	}
	if files := o.folder(strings.TrimSuffix(pattern, "/")+"/", all); len(files) > 0 {
		return files, nil
	}
	var files []found
	for i := range all {
		files = o.add(files, all[i], o.match(segments[first:], strings.Split(all[i].Key[len(root):], "/"), 0))
	}
	return files, nil
}

// match is what a pattern's segments make of what has these names on its way; at is
// how many of them were matched before.
func (o objects) match(segments, names []string, at int) taking {
	if len(segments) > 0 && segments[0] == "" {
		return o.match(segments[1:], names, at)
	}
	left, hive := names[at:], path.Join(names[:at]...)
	if len(segments) == 0 { // All that is matched is a folder.
		return o.walk(hive, left)
	}
	if segments[0] == "**" {
		if t := o.match(segments[1:], names, at); t.is {
			return t
		}
	}
	// A name that is hidden is only meant where the pattern writes it out.
	if skipped(left[0]) && segments[0] != left[0] {
		mark := len(left) == 1 && marking(left[0], hive)
		return taking{is: mark, mark: mark, hive: hive}
	}
	rest := segments[1:]
	if segments[0] == "**" {
		rest = segments
	} else if ok, _ := path.Match(segments[0], left[0]); !ok {
		return taking{}
	}
	switch {
	case len(left) > 1:
		return o.match(rest, names, at+1)
	case segments[0] == "**":
		return taking{}
	}
	// A pattern without an extension, such as *, means the files of the format.
	return taking{is: len(rest) == 0 && left[0] != "" && (o.ends.match(left[0]) || path.Ext(segments[0]) != ""), hive: hive}
}

// nearest is the address that a key which is not there may have meant; empty if
// there is none.
func (o objects) nearest(ctx context.Context, key string) string {
	if isGlob(key) {
		return ""
	}
	dir, base := path.Split(strings.TrimSuffix(key, "/"))
	names, err := o.bucket.Beside(ctx, dir)
	if err != nil {
		return ""
	}
	var kin []sibling
	for _, name := range names {
		kin = append(kin, sibling{name: strings.TrimSuffix(name, "/"), folder: strings.HasSuffix(name, "/")})
	}
	near := nearestName(base, kin)
	if near == "" {
		return ""
	}
	return o.bucket.Address(dir + near).String()
}

// sibling is a name in a folder.
type sibling struct {
	name   string
	folder bool
}

// nearestName is the name that another one, which is not there, may have meant.
// The names are held against each other without their endings, which most of a
// folder have in common.
func nearestName(name string, entries []sibling) string {
	base, end, _ := strings.Cut(name, ".")
	var stems, same []string // same: of files with the ending that was asked for
	names := map[string]string{}
	for _, e := range entries {
		stem, ending, _ := strings.Cut(e.name, ".")
		kin := ending == end || e.folder || tableName(e.name) && (end == "" || tableName(name))
		if skipped(e.name) || !kin || ending == end && stem == base {
			continue
		}
		if ending == end {
			same = append(same, stem)
		}
		stems = append(stems, stem)
		if names[stem] == "" || ending == end {
			names[stem] = e.name
		}
	}
	if near := event.Nearest(base, same); near != "" {
		return names[near]
	}
	return names[event.Nearest(base, stems)]
}
