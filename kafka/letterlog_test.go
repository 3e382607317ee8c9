package kafka

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// letterAt is a letter of some place.
func letterAt(offset int64, value string) *Letter {
	return &Letter{Topic: "orders", Offset: offset, Value: []byte(value), Reason: "it is no number"}
}

// logged opens a log, writes letters, and has them last.
func logged(t *testing.T, path string, letters ...*Letter) {
	t.Helper()
	f, err := OpenLetterLog(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range letters {
		if err := f.Write(t.Context(), l); err != nil {
			t.Error(err)
		}
	}
	if err := f.Commit(t.Context()); err != nil {
		t.Error(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

// offsetsIn are the offsets of a log's lines, all of which must be whole.
func offsetsIn(t *testing.T, path string) (offsets string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.SplitAfter(string(text), "\n") {
		var offset int
		if line == "" {
			continue
		}
		if n, _ := fmt.Sscanf(line, `{"topic":"orders","partition":0,"offset":%d,`, &offset); n != 1 || !strings.HasSuffix(line, "}\n") {
			t.Fatalf("a line is %q", line)
		}
		offsets += fmt.Sprint(offset, " ")
	}
	return strings.TrimSpace(offsets)
}

// TestLetterLog holds that letters are added to those that are there, none twice that is
// the same, and that half of a line is no letter.
func TestLetterLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dead.jsonl")
	logged(t, path, letterAt(1, "a"), letterAt(2, strings.Repeat("b", 1<<18)))
	logged(t, path, letterAt(2, strings.Repeat("b", 1<<18)), letterAt(3, "c"), letterAt(3, "c"))
	if got := offsetsIn(t, path); got != "1 2 3" {
		t.Errorf("the log has %s", got)
	}
	logged(t, path, letterAt(3, "of a topic that was made anew"))
	if got := offsetsIn(t, path); got != "1 2 3 3" {
		t.Errorf("another letter of a place that was there: %s", got)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	end := bytes.LastIndexByte(whole[:len(whole)-1], '\n') + 1
	for _, cut := range []int{0, 3, 50, end + 1, len(whole) - 1} {
		if err := os.WriteFile(path, whole[:cut], 0o666); err != nil {
			t.Fatal(err)
		}
		logged(t, path, letterAt(9, "z"))
		want := "9"
		if cut > end {
			want = "1 2 3 9"
		}
		if got := offsetsIn(t, path); got != want {
			t.Errorf("cut to %d bytes and gone on with: %s", cut, got)
		}
	}
}

// TestLetterLogTail holds that of a long file the end is known, and no line is harmed
// that begins before it.
func TestLetterLogTail(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dead.jsonl")
	var letters []*Letter
	for n := range int64(10) {
		letters = append(letters, letterAt(n, strings.Repeat("v", 100)))
	}
	logged(t, path, letters...)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	line := int64(len(before) / 10)
	for _, tail := range []int64{1, line / 2, line, 3*line + 1} {
		f, err := OpenLetterLog(path)
		if err != nil {
			t.Fatal(err)
		}
		f.known[0] = map[letterSum]struct{}{}
		if err := f.recall(tail); err != nil {
			t.Fatal(err)
		}
		if got, want := len(f.known[0]), int((tail-1)/line); got != want {
			t.Errorf("of the last %d bytes, %d letters are known, want %d", tail, got, want)
		}
		f.Close()
		if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
			t.Errorf("the file has changed (%v)", err)
		}
	}
}

// TestLetterLogBound holds that what is known has a bound, and that the newest are.
func TestLetterLogBound(t *testing.T) {
	f := &LetterLog{known: [2]map[letterSum]struct{}{{}, nil}}
	sum := func(n int) (s letterSum) { copy(s[:], fmt.Sprint(n)); return s }
	for n := range 3*lettersKnown + 5 {
		f.remember(sum(n))
		if len(f.known[0])+len(f.known[1]) > 2*lettersKnown {
			t.Fatalf("%d letters are known", len(f.known[0])+len(f.known[1]))
		}
	}
	for _, n := range []int{2*lettersKnown + 5, 3 * lettersKnown, 3*lettersKnown + 4} {
		if !f.knows(sum(n)) {
			t.Errorf("letter %d is not known any more", n)
		}
	}
	if f.knows(sum(0)) {
		t.Error("the first letter is still known")
	}
}

// TestLetterLogRefused holds that nothing else is added to.
func TestLetterLogRefused(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "notes.txt")
	if err := os.WriteFile(path, []byte("remember the milk\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	for path, words := range map[string]string{path: "holds no dead letters", dir: "it is there and no file", filepath.Join(dir, "no", "where"): "no file can be made there"} {
		if _, err := OpenLetterLog(path); err == nil || !strings.Contains(err.Error(), words) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", path, err)
		}
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "remember the milk\n" {
		t.Errorf("the file is %q (%v)", text, err)
	}
}
