package sink

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/timeseam/timeseam/store"
)

// stored is an output in a store, while it is made. A store renames nothing and has
// no locks that end with their holder. So what orders two runs is the manifest's
// key: to commit, a run puts a claim there, on the condition that the manifest is
// the one it found when it began. Of two runs the second fails on that condition and
// has changed nothing. While the claim stands the objects change, each on the
// condition that it is as it was found; and the manifest takes the claim's place
// when all are there, on the condition that the claim is this run's. So a manifest
// that names files stands only beside just these files, and a claim that a killed
// run left is no lock: it is what the next run finds, and replaces.
type stored struct {
	target *Target
	bucket *store.Bucket
	base   string                  // the key of the file, or what the keys of the folder's files begin with
	beside string                  // what the keys of the papers begin with
	was    map[string]store.Object // what was found when the run began, by key
	claim  store.Condition         // that the claim is this run's; "": it has none
	simple bool                    // the store has no conditions: one run at a time is the user's affair
	pieces []*piece
	text   []byte // of the claim
	state  state
}

// state is how far an output has come.
type state uint8

const (
	making    state = iota
	committed       // the files are there, and the claim in the place of the manifest
	complete        // the manifest too, or all of it is gone again
)

// piece is a file of the output that is ready to become visible.
type piece struct {
	path   string // in the output; "": it is the output
	key    string
	etag   string // once it is visible
	commit func(ctx context.Context, when store.Condition) (etag string, err error)
	drop   func(ctx context.Context) error // what was sent of it; nil: nothing was
}

// errTaken is what the second of two runs hears.
var errTaken = errors.New("another run has written it, or begun to, since this one began; nothing of this one was written; run again where it should be replaced once more")

// patience is how long a run that was called off tries to clean up.
const patience = 30 * time.Second

// stored begins an output in a store: it finds what is there, and whether this run
// may write.
func (t *Target) stored(ctx context.Context) (*stored, error) {
	s := &stored{target: t}
	err := s.begin(ctx)
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("output %s: %w", t.path, err)
	}
	return s, err
}

func (s *stored) begin(ctx context.Context) error {
	at, err := store.Parse(s.target.path)
	if err != nil {
		return err
	}
	s.base, s.beside = at.Key, strings.TrimPrefix(s.target.Beside(""), store.Scheme+at.Bucket+"/")
	if s.target.folder {
		s.base += "/"
	}
	if s.bucket, err = s.target.bucket(ctx, at.Bucket); err != nil {
		return err
	}
	if s.was, err = s.find(ctx); err != nil {
		return err
	}
	if s.target.Interval != nil {
		if err := s.checkIntervals(ctx); err != nil {
			return err
		}
	}
	first := s.base
	if s.target.folder {
		first += "part-00000" + s.target.format.ending(s.target.compression)
	}
	return s.bucket.MayWrite(ctx, first)
}

// find lists what there is of the output, and refuses what is not to be replaced.
func (s *stored) find(ctx context.Context) (map[string]store.Object, error) {
	found := map[string]store.Object{}
	all, err := s.bucket.List(ctx, s.base)
	if err == nil && s.beside != s.base {
		var papers []store.Object
		papers, err = s.bucket.List(ctx, s.beside+".")
		all = append(all, papers...)
	}
	for _, o := range all {
		name, within := strings.CutPrefix(o.Key, s.base)
		switch {
		case slices.ContainsFunc(besides, func(suffix string) bool { return o.Key == s.beside+suffix }):
		case !within || strings.HasSuffix(o.Key, "/") && o.Size == 0: // Such an object marks a folder.
			continue
		case s.target.folder && !ourName(name):
			return nil, fmt.Errorf("it holds %s, which no run wrote, and a folder is replaced as a whole; name another", name)
		case !s.target.folder && strings.HasPrefix(name, "/"):
			return nil, fmt.Errorf("there is a folder of that name; name a file in it, or another")
		case !s.target.folder && name != "":
			continue // Another output, whose name begins like this one's.
		}
		found[o.Key] = o
	}
	return found, err
}

// ourName reports whether a run may have given a file of a folder its name.
func ourName(name string) bool {
	folders := strings.Split(name, "/")
	for _, folder := range folders[:len(folders)-1] {
		if key, _, pair := strings.Cut(folder, "="); !pair || key == "" {
			return false
		}
	}
	return ours.MatchString(folders[len(folders)-1])
}

// paper reports whether a key is that of the manifest or the report.
func (s *stored) paper(key string) bool {
	return key == s.beside+ManifestSuffix || key == s.beside+ReportSuffix
}

// still makes sure that what was found is what is there, so that also where the
// store has no conditions only a moment is left for another run to come between.
func (s *stored) still(ctx context.Context) error {
	now, err := s.find(ctx)
	if err != nil {
		return err
	}
	manifest := s.beside + ManifestSuffix
	if s.claim != "" {
		if store.If(now[manifest]) != s.claim {
			return errTaken
		}
	} else if now[manifest].ETag != s.was[manifest].ETag {
		return errTaken
	}
	for _, both := range []map[string]store.Object{now, s.was} {
		for key := range both {
			if !s.paper(key) && now[key].ETag != s.was[key].ETag {
				return errTaken
			}
		}
	}
	return nil
}

// condition is that an object is as it was found.
func (s *stored) condition(key string) store.Condition {
	o, found := s.was[key]
	switch {
	case s.simple:
		return store.Anything
	case found:
		return store.If(o)
	}
	return store.Absent
}

// claimText is what stands in the place of a manifest while its output changes.
func claimText() []byte {
	return []byte(`{
  "unfinished": "a run is replacing this training set, or was killed while it did; its files may be of two runs, and the next run puts it in order",
  "run": "` + rand.Text() + `"
}
`)
}

// stake puts this run's claim in the place of the manifest, or finds that another
// run was there first.
func (s *stored) stake(ctx context.Context) (err error) {
	key, text := s.beside+ManifestSuffix, claimText()
	s.text = text
	etag, err := s.bucket.Put(ctx, key, text, s.condition(key))
	if errors.Is(err, store.ErrUnconditional) {
		s.unconditional()
		etag, err = s.bucket.Put(ctx, key, text, store.Anything)
	}
	if err != nil {
		return taken(err)
	}
	s.claim = store.Condition(etag)
	if s.simple {
		return nil
	}
	// Some stores take conditions and do not heed them. The claim is there, so that
	// this must fail; where it does not, the claim was written once more.
	if etag, err = s.bucket.Put(ctx, key, text, store.Absent); err == nil {
		s.unconditional()
		s.claim = store.Condition(etag)
		return nil
	}
	if errors.Is(err, store.ErrRaced) {
		return nil
	}
	return err
}

// unconditional goes on without conditions, and says so.
func (s *stored) unconditional() {
	s.simple = true
	if s.target.Warn != nil {
		s.target.Warn(fmt.Sprintf("output %s: the store has no conditional writes, so that nothing keeps two runs of one output apart; let only one run at a time", s.target.path))
	}
}

// taken says of a condition that did not hold what it means.
func taken(err error) error {
	if errors.Is(err, store.ErrRaced) {
		return errTaken
	}
	return err
}

// commit makes the pieces the output. What it begins it ends: to be called off in
// its midst would leave what no run wants.
func (s *stored) commit(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	waiting, failed := s.bucket.Pending(ctx, s.base)
	if err := s.still(ctx); err != nil {
		return err
	}
	old, err := s.manifest(ctx)
	if err != nil {
		return err
	}
	err = s.stake(ctx)
	if err == nil {
		err = s.still(ctx)
	}
	if err == nil && s.target.Interval != nil {
		err = s.checkIntervals(ctx) // Every run has its claim before it looks.
	}
	if err == nil {
		err = s.publish(ctx)
	}
	if err == nil {
		err = s.remove(ctx)
	}
	if err != nil {
		return s.giveBack(ctx, old, err)
	}
	s.state = committed
	s.sweep(ctx, waiting, failed)
	return nil
}

// manifest is the bytes of the one that was found; nil: there was none.
func (s *stored) manifest(ctx context.Context) ([]byte, error) {
	o, found := s.was[s.beside+ManifestSuffix]
	if !found {
		return nil, nil
	}
	text := make([]byte, o.Size)
	err := s.bucket.Reader(o).ReadAt(ctx, text, 0)
	if errors.Is(err, store.ErrChanged) || errors.Is(err, store.ErrNotFound) {
		return nil, errTaken
	}
	return text, err
}

// publish makes all pieces visible.
func (s *stored) publish(ctx context.Context) error {
	return s.each(len(s.pieces), func(i int) (err error) {
		p := s.pieces[i]
		p.etag, err = p.commit(ctx, s.condition(p.key))
		if errors.Is(err, store.ErrUnconditional) {
			// It has conditions for small objects, as the claim shows, and what is
			// there was compared a moment ago.
			p.etag, err = p.commit(ctx, store.Anything)
		}
		return taken(err)
	})
}

// remove takes the files away that are not this run's.
func (s *stored) remove(ctx context.Context) error {
	mine := map[string]bool{}
	for _, p := range s.pieces {
		mine[p.key] = true
	}
	var stale []string
	for key := range s.was {
		if !mine[key] && !s.paper(key) {
			stale = append(stale, key)
		}
	}
	return s.each(len(stale), func(i int) error {
		if err := s.bucket.Delete(ctx, stale[i]); err != nil {
			return fmt.Errorf("remove %s of the run before: %w", strings.TrimPrefix(stale[i], s.base), err)
		}
		return nil
	})
}

// eachMost is how many requests a commit makes beside each other.
const eachMost = 8

// each does something n times, some beside each other, and begins nothing more
// after an error.
func (s *stored) each(n int, do func(i int) error) error {
	var first error
	var mu sync.Mutex
	var all sync.WaitGroup
	free := make(chan struct{}, eachMost)
	for i := range n {
		free <- struct{}{}
		mu.Lock()
		failed := first != nil
		mu.Unlock()
		if failed {
			break
		}
		all.Go(func() {
			defer func() { <-free }()
			if err := do(i); err != nil {
				mu.Lock()
				defer mu.Unlock()
				if first == nil {
					first = err
				}
			}
		})
	}
	all.Wait()
	return first
}

// sweep ends the uploads to this output that had begun before the commit. No run
// can still commit them, as what they would replace has changed: their runs were
// killed, or are about to hear that they came second.
func (s *stored) sweep(ctx context.Context, waiting []store.Pending, failed error) {
	for _, p := range waiting {
		name, within := strings.CutPrefix(p.Key, s.base)
		if !within || s.target.folder && !ourName(name) || !s.target.folder && name != "" {
			continue
		}
		if err := s.bucket.AbortUpload(ctx, p); err != nil {
			failed = err
		}
	}
	if failed != nil && s.target.Warn != nil {
		s.target.Warn(fmt.Sprintf("output %s: uploads that killed runs left could not be ended: %v", s.target.path, failed))
	}
}

// giveBack undoes what a commit did that failed with err: new files go, and the old
// manifest comes back. Where an old file was replaced already the claim stays, and
// says that the output is unfinished.
func (s *stored) giveBack(ctx context.Context, old []byte, err error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	s.drop(ctx)
	if s.claim == "" && !s.claimed(ctx) {
		return err
	}
	if mine, e := s.mine(ctx); e == nil && !mine {
		return errTaken // What stands there is another run's affair.
	}
	whole := s.each(len(s.pieces), func(i int) error { return s.restored(ctx, s.pieces[i]) }) == nil
	now, e := s.find(ctx)
	if e == nil {
		for key, o := range s.was {
			whole = whole && (s.paper(key) || now[key].ETag == o.ETag)
		}
	}
	if whole = whole && e == nil; whole {
		if e = s.redeem(ctx, old); e == nil || errors.Is(e, store.ErrRaced) {
			return err
		}
	}
	return fmt.Errorf("%w; what stands there now is unfinished, as its manifest says, until a run succeeds", err)
}

// claimed finds out whether a claim is there whose answer never came.
func (s *stored) claimed(ctx context.Context) bool {
	now, err := s.bucket.Stat(ctx, s.beside+ManifestSuffix)
	if err != nil || now.Size != int64(len(s.text)) {
		return false
	}
	text := make([]byte, now.Size)
	if err := s.bucket.Reader(now).ReadAt(ctx, text, 0); err != nil || !bytes.Equal(text, s.text) {
		return false
	}
	s.claim = store.If(now)
	return true
}

// mine reports whether the claim is still this run's.
func (s *stored) mine(ctx context.Context) (bool, error) {
	now, err := s.bucket.Stat(ctx, s.beside+ManifestSuffix)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil && store.If(now) == s.claim, err
}

// restored takes a piece away that is visible, and is an error where what lies under
// its key is neither that nor what was there before.
func (s *stored) restored(ctx context.Context, p *piece) error {
	now, err := s.bucket.Stat(ctx, p.key)
	_, replaces := s.was[p.key]
	switch {
	case errors.Is(err, store.ErrNotFound) && !replaces, err == nil && replaces && now.ETag == s.was[p.key].ETag:
		return nil
	case err != nil:
		return err
	case replaces || now.ETag != p.etag:
		return errors.New("it was replaced")
	}
	return s.bucket.Delete(ctx, p.key)
}

// redeem puts a manifest in the place of the claim; nil: nothing.
func (s *stored) redeem(ctx context.Context, text []byte) error {
	key, when := s.beside+ManifestSuffix, s.claim
	mine, err := s.mine(ctx)
	if err != nil {
		return err
	}
	if !mine {
		return store.ErrRaced
	}
	if text == nil {
		return s.bucket.Delete(ctx, key)
	}
	if s.simple {
		when = store.Anything
	}
	_, err = s.bucket.Put(ctx, key, text, when)
	return err
}

// drop ends the uploads of this run that are not committed.
func (s *stored) drop(ctx context.Context) (err error) {
	for _, p := range s.pieces {
		if p.drop != nil && p.etag == "" {
			err = errors.Join(err, p.drop(ctx))
		}
	}
	return err
}

func (s *stored) attach(ctx context.Context, suffix string, data []byte) error {
	ctx = context.WithoutCancel(ctx)
	var err error
	if suffix == ManifestSuffix {
		err = taken(s.redeem(ctx, data))
	} else {
		_, err = s.bucket.Put(ctx, s.beside+suffix, data, store.Anything)
	}
	if err == nil {
		if suffix == ManifestSuffix {
			s.state = complete
		}
		return nil
	}
	if !errors.Is(err, errTaken) {
		err = errors.Join(err, s.withdraw(ctx))
	}
	return fmt.Errorf("write %s%s: %w", s.target.Beside(""), suffix, err)
}

// withdraw takes the output away again, if it is still this run's.
func (s *stored) withdraw(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	mine, err := s.mine(ctx)
	if err != nil || !mine {
		return err
	}
	err = s.each(len(s.pieces), func(i int) error { return s.bucket.Delete(ctx, s.pieces[i].key) })
	if err == nil {
		err = s.bucket.Delete(ctx, s.beside+ReportSuffix)
	}
	if err == nil {
		err = s.redeem(ctx, nil)
	}
	if err == nil {
		s.state = complete
	}
	return err
}

// close ends what was begun and not committed. A claim without a manifest to come
// is taken away.
func (s *stored) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if s.state == making {
		s.state = complete
		return s.drop(ctx)
	}
	if s.state == committed {
		s.state = complete
		if err := s.redeem(ctx, nil); !errors.Is(err, store.ErrRaced) {
			return err
		}
	}
	return nil
}

func (s *stored) identify(w *Written) {
	for _, p := range s.pieces {
		if p.path == w.Path {
			w.ETag = p.etag
		}
	}
}

// checkIntervals refuses an interval that shares instants with another that is
// there, or whose run has its claim there.
func (s *stored) checkIntervals(ctx context.Context) error {
	names, _, err := s.target.level(ctx)
	if err != nil {
		return err
	}
	there := map[string]bool{}
	for _, name := range names {
		there[name] = true
	}
	for _, full := range names {
		name, beside := strings.CutPrefix(full, "_")
		v, ok := intervalNamed(name)
		if !ok || !s.target.Interval.overlaps(v) || name == last(s.target.path) {
			continue
		}
		if !beside {
			return s.target.clash(v, name)
		}
		name, claim := strings.CutSuffix(name, ManifestSuffix)
		if claim && !there[name] && name != last(s.target.path) {
			return fmt.Errorf("interval %s overlaps with %s, and another run is writing it; wait for its end, or remove %s if it was killed", v.Name(), s.target.Interval.Name(), full)
		}
	}
	return nil
}
