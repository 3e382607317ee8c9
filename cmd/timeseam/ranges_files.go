package main

import (
	"fmt"

	"github.com/timeseam/timeseam/sources"
)

// Records that are read again give the same bytes only beside the same files.

// fileOf finds an entry by its path.
func fileOf(files []fileEntry, path string) *fileEntry {
	for i := range files {
		if files[i].Path == path {
			return &files[i]
		}
	}
	return nil
}

// sameFiles returns an error if a table is not of the files that a manifest names. What
// only reading tells of them is compared once they were read.
func (p *pinned) sameFiles(what string, was []fileEntry, t *sources.Table, read bool) error {
	changed := func(words string, args ...any) error {
		return fmt.Errorf("%s: %s is not what it was: %s; of other files the same bytes cannot be made: run without --%s", p, what, fmt.Sprintf(words, args...), p.flag)
	}
	now := newTableEntry("", t).Files
	for _, f := range now {
		old := fileOf(was, f.Path)
		switch {
		case old == nil:
			return changed("file %s is new", f.Path)
		case old.Bytes != f.Bytes:
			return changed("file %s has %d bytes, and had %d", f.Path, f.Bytes, old.Bytes)
		case old.FooterCRC != f.FooterCRC:
			return changed("file %s was written anew: the sum of its footer is %s, and was %s", f.Path, f.FooterCRC, old.FooterCRC)
		case old.ETag != f.ETag && f.FooterCRC == "":
			return changed("file %s was written anew: its ETag is %s, and was %s", f.Path, f.ETag, old.ETag)
		case read && old.Sum != f.Sum:
			return changed("file %s was written anew: its sum is %s, and was %s", f.Path, f.Sum, old.Sum)
		}
	}
	for _, f := range was {
		if fileOf(now, f.Path) == nil {
			return changed("file %s is gone", f.Path)
		}
	}
	return nil
}

// sameHistory holds a source's files, as far as the run reads them, against those that
// a manifest names.
func (in *inputs) sameHistory(source string, read bool) error {
	if in.pinned == nil || in.histories[source] == nil {
		return nil
	}
	was, known := in.pinned.files[source]
	if !known {
		return nil // the definition reads more than it did then, which is another one's bytes
	}
	return in.pinned.sameFiles("the history of source "+source, was, in.read(source), read)
}

// sameSpine does so with the table that the questions are made of.
func (in *inputs) sameSpine(set string, read bool) error {
	if in.pinned == nil || in.pinned.spine == nil {
		return nil
	}
	t := in.spines[set]
	if in.asked != nil {
		t = in.histories[in.asked.source.Name.Value]
	}
	return in.pinned.sameFiles("the spine of training set "+set, in.pinned.spine, t, read)
}

// sameRead does so with all files, once they were read.
func (l *lettered) sameRead() error {
	for _, i := range l.plan.Inputs {
		if err := l.in.sameHistory(i.Source.Name.Value, true); err != nil {
			return err
		}
	}
	return l.in.sameSpine(l.plan.TrainingSet.Name.Value, true)
}
