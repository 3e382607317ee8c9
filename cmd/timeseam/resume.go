package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/timeseam/timeseam/cutover"
	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/kafka"
)

// What a run that is taken up knows of topics. Their ends are those that the first run
// found, so that all of them read the same records; what was read of them before the
// journal's first record is written down with that, and is not read again.

// topicsName is the file, in the folder of a run that may be taken up, that tells how it
// found topics.
const topicsName = "topics"

// topicsFile is what stands in it.
type topicsFile struct {
	Of     [sha256.Size]byte       `json:"of"`     // the identity of the run
	Topics map[string]*streamEntry `json:"topics"` // by source: from the first offset that was there to the end
}

// pinTopics has a run that is taken up read the records that the first one found, and
// the first one write them down, before anything is read. The folder is nobody's yet:
// if another run writes the file meanwhile, the journal of neither is the other's, as
// what stands here is part of its identity.
func (j *backfillJob) pinTopics(plan *features.Plan, in *inputs) error {
	if !j.resume || len(in.streams) == 0 {
		return nil
	}
	if !j.resumable() {
		return errNoFolder
	}
	dir, err := j.resumeFolder()
	if err != nil {
		return err
	}
	id := j.identity(plan, in)
	text, err := json.Marshal(id)
	if err != nil {
		return err
	}
	now, path := topicsFile{Of: sha256.Sum256(text), Topics: map[string]*streamEntry{}}, filepath.Join(dir, topicsName)
	var was topicsFile
	if text, err := os.ReadFile(path); err == nil && json.Unmarshal(text, &was) == nil && was.Of == now.Of {
		now = was
	} else {
		for name, s := range in.streams {
			now.Topics[name] = foundTopic(s.topic)
		}
		if err := writeWhole(path, &now); err != nil {
			return fmt.Errorf("--resume: %w", err)
		}
	}
	id.Topics = now.Topics
	in.began, j.id = &pinned{flag: "resume", file: path, topics: now.Topics}, &id
	for name, s := range in.streams {
		if err := in.began.end(name, s.topic); err != nil {
			return err
		}
	}
	return nil
}

// foundTopic is a topic as it is.
func foundTopic(t *kafka.Topic) *streamEntry {
	e := &streamEntry{Topic: t.Name, ID: t.ID.String()}
	for p, b := range t.Partitions {
		e.Ranges = append(e.Ranges, rangeEntry{Partition: int32(p), From: min(b.Start, b.End), To: b.End})
	}
	return e
}

// writeWhole writes a file of JSON that is there whole or not at all.
func writeWhole(path string, v any) error {
	text, err := json.Marshal(v)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o777)
	}
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// identified is the identity for a journal.
func (j *backfillJob) identified(plan *features.Plan, in *inputs, begun *seam) identity {
	if j.id != nil {
		return *j.id // that of before a stream was copied to be the spine
	}
	id := j.identity(plan, in)
	id.Snapshot = begun.entry()
	return id
}

// readFile is what reading has told of a file, beside its rows: a manifest has it.
type readFile struct {
	Rows int64
	Sum  uint32
}

// runNote is what a run has found out by reading its histories and streams.
type runNote struct {
	Files map[string][]readFile  // by source
	Joins map[string]*joinedNote // by source
}

// joinedNote is how a source was cut, and what was read of its copies.
type joinedNote struct {
	Evidence    cutover.Evidence
	Log         cutover.Log
	Cut         *cutover.Cut
	Ranges      []kafka.Range
	Leave       map[string]bool
	Taken       []kafka.Taken // nil: nothing was read of the stream
	Given       [2]int64
	Timed, Fine [2]int64
	Before      int64
	Late        int64
}

// noted is what a run has found out by reading, for one that goes on from it. Letters
// are kept for that before it can be taken up.
func (in *inputs) noted(ctx context.Context, plan *features.Plan) ([]byte, error) {
	all := runNote{map[string][]readFile{}, map[string]*joinedNote{}}
	for _, i := range plan.Inputs {
		name := i.Source.Name.Value
		for _, f := range in.read(name).Files {
			all.Files[name] = append(all.Files[name], readFile{f.Rows, f.Sum})
		}
		j := in.joins[name]
		if j == nil {
			continue
		}
		all.Joins[name] = j.noteOf()
		if kept, is := j.letters.(*lettersKept); is {
			if err := kept.hold(ctx); err != nil {
				return nil, err
			}
		}
	}
	return json.Marshal(all)
}

// takenUp gives a run that goes on from another what that noted.
func (in *inputs) takenUp(note []byte) error {
	in.taken = &runNote{}
	if err := json.Unmarshal(note, in.taken); err != nil {
		return fmt.Errorf("--resume: what was written down of the run cannot be read; run again without it: %w", err)
	}
	return nil
}

// remember gives the files of a source what the run that is taken up found in them.
// They are the same, by its identity.
func (in *inputs) remember(source string) error {
	if in.taken == nil {
		return nil
	}
	files, was := in.read(source).Files, in.taken.Files[source]
	if len(files) != len(was) {
		return fmt.Errorf("--resume: source %s has other files than were written down; run again without it", source)
	}
	for f := range was {
		files[f].Rows, files[f].Sum = was[f].Rows, was[f].Sum
	}
	return nil
}

// noteOf is what is written down of a join.
func (j *joined) noteOf() *joinedNote {
	n := &joinedNote{Evidence: j.evidence, Log: j.logBegan(), Cut: j.cut, Ranges: j.ranges, Leave: j.leave, Before: j.before.Load(), Late: j.late.Load()}
	if j.reading != nil {
		n.Taken = append([]kafka.Taken{}, j.reading.Taken()...)
	}
	for side := range n.Given {
		n.Given[side], n.Timed[side], n.Fine[side] = j.given[side].Load(), j.timed[side].Load(), j.fine[side].Load()
	}
	return n
}

// restore makes a join what it was in the run that is taken up: nothing is asked of the
// topic, which may have lost by now what was read.
func (j *joined) restore(n *joinedNote) error {
	if n == nil {
		return fmt.Errorf("--resume: nothing was written down of topic %s; run again without it", j.topic.Name)
	}
	j.noted, j.evidence, j.log, j.cut, j.ranges, j.leave = n, n.Evidence, n.Log, n.Cut, n.Ranges, n.Leave
	j.before.Store(n.Before)
	j.late.Store(n.Late)
	for side := range n.Given {
		j.given[side].Store(n.Given[side])
		j.timed[side].Store(n.Timed[side])
		j.fine[side].Store(n.Fine[side])
	}
	if kept, is := j.letters.(*lettersKept); is {
		kept.held = true
	}
	if !j.source.History.Path.Given() {
		j.table = nil
		return nil
	}
	j.table = j.whole(j.table)
	return nil
}

// wasRead reports whether something was read of the stream, by this run or by the one
// that it goes on from.
func (j *joined) wasRead() bool { return j.reading != nil || j.noted != nil && j.noted.Taken != nil }

// logBegan is the topic as the first of the runs found it: what retention has removed
// since is no matter to what was made of it.
func (j *joined) logBegan() cutover.Log {
	log := j.log
	if j.began == nil {
		return log
	}
	log.Partitions = slices.Clone(log.Partitions)
	for _, r := range j.began.Ranges {
		log.Partitions[r.Partition].Start = r.From
	}
	return log
}

// lettersKept is a file of dead letters that stays in the folder of the run, for one
// that does not read the topic again, until it gets its place.
type lettersKept struct {
	*kafka.LetterFile // those of this run
	kept, path        string
	held              bool // what is kept is whole, by this run or by the one that it goes on from
}

// newLettersKept makes ready to keep letters in one file until they get to another,
// whose folder must be there.
func newLettersKept(kept, path string) (*lettersKept, error) {
	there, err := kafka.NewLetterFile(path)
	if err == nil {
		err = there.Close() // a run that is killed would leave it
	}
	if err == nil {
		err = os.MkdirAll(filepath.Dir(kept), 0o777)
	}
	if err != nil {
		return nil, err
	}
	k := &lettersKept{kept: kept, path: path}
	k.LetterFile, err = kafka.NewLetterFile(kept)
	return k, err
}

// lettersKept is the folder that keeps letters; "": none does, as nobody will go on.
func (j *backfillJob) lettersKept() (string, error) {
	if !j.resume || !j.resumable() {
		return "", nil
	}
	return j.resumeFolder()
}

// hold keeps the letters so far.
func (k *lettersKept) hold(ctx context.Context) error {
	k.held = true
	return k.LetterFile.Commit(ctx)
}

// Commit puts the letters in their place.
func (k *lettersKept) Commit(ctx context.Context) error {
	if !k.held {
		if err := k.hold(ctx); err != nil {
			return err
		}
	}
	there, err := kafka.NewLetterFile(k.path)
	if err != nil {
		return err
	}
	defer there.Close()
	if err := there.Take(k.kept); err != nil {
		return err
	}
	return there.Commit(ctx)
}
