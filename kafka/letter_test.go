package kafka

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/timeseam/timeseam/features/event"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// numbers decodes values that are whole numbers. What begins with "stop" is not the
// value's fault.
type numbers struct{ column event.Column }

type stopped struct{}

func (stopped) Error() string { return "the registry does not answer" }
func (stopped) Stops() bool   { return true }

func newNumbers() Decoder { return &numbers{} }

func (n *numbers) Begin() { n.column = event.Make(event.Of(event.Int)) }

func (n *numbers) Columns() []event.Column { return []event.Column{n.column} }

func (n *numbers) Append(_ context.Context, value []byte) error {
	if strings.HasPrefix(string(value), "stop") {
		return fmt.Errorf("schema 7: %w", stopped{})
	}
	v, err := strconv.Atoi(string(value))
	if err != nil {
		return fmt.Errorf("%q is no number", value)
	}
	n.column.AppendInt(int64(v))
	return nil
}

// wantNumbers is the numbers with their offsets.
func wantNumbers(most int64, letters DeadLetter) Want {
	return Want{Own: event.Schema{{Name: "_offset", Type: event.Of(event.Int)}}, Fields: event.Schema{{Name: "n", Type: event.Of(event.Int)}}, Decoder: newNumbers, MaxPoison: most, DeadLetter: letters}
}

// sums reads all parts, and writes offset:number of each row.
func sums(t *testing.T, reading *Reading) (string, error) {
	var all []string
	for _, p := range reading.Parts() {
		defer p.Close()
		var b event.Batch
		for {
			err := p.Read(t.Context(), &b)
			if b.Len == 0 && err != nil {
				if err.Error() == "EOF" {
					break
				}
				return strings.Join(all, " "), err
			}
			for i := range b.Len {
				all = append(all, fmt.Sprintf("%d:%d", b.Columns[0].Ints[i], b.Columns[1].Ints[i]))
			}
		}
	}
	return strings.Join(all, " "), nil
}

// poisoned is a topic of numbers, two of which are none, and a record without a value.
func poisoned(t *testing.T, opts ...kfake.Opt) (*fake, *Topic) {
	f := newFake(t, opts...)
	f.create("orders", 2)
	at := time.UnixMilli(1500)
	write(t, f.client(),
		&kgo.Record{Topic: "orders", Value: []byte("1"), Timestamp: at},
		&kgo.Record{Topic: "orders", Key: []byte("k"), Timestamp: at},
		&kgo.Record{Topic: "orders", Key: []byte("k"), Value: []byte("one\xff"), Timestamp: at, Headers: []kgo.RecordHeader{{Key: "h", Value: []byte("v")}, {Key: "none"}}},
		&kgo.Record{Topic: "orders", Value: []byte("2"), Timestamp: at},
		&kgo.Record{Topic: "orders", Partition: 1, Value: []byte(""), Timestamp: at},
		&kgo.Record{Topic: "orders", Partition: 1, Value: []byte("3"), Timestamp: at})
	return f, f.topic("orders")
}

func reading(t *testing.T, topic *Topic, want Want) *Reading {
	t.Helper()
	r, err := topic.Reading(want, topic.All())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestPoisonWithoutLetters(t *testing.T) {
	_, topic := poisoned(t)
	_, err := sums(t, reading(t, topic, wantNumbers(0, nil)))
	refused(t, err, ErrPoison, `topic orders, partition 0, offset 2: the value cannot be read: "one\xff" is no number; mend the topic, or name a dead letter`)
}

func TestPoisonInAFile(t *testing.T) {
	_, topic := poisoned(t)
	path := filepath.Join(t.TempDir(), "dead.jsonl")
	letters, err := NewLetterFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer letters.Close()
	r := reading(t, topic, wantNumbers(2, letters))
	if got, err := sums(t, r); err != nil || got != "0:1 3:2 1:3" {
		t.Errorf("read is %s, and the error %v", got, err)
	}
	if taken := r.Taken(); taken[0].Records != 4 || taken[0].WithoutData != 1 || taken[0].Poison != 1 || taken[1].Poison != 1 || taken[1].Records != 2 {
		t.Errorf("taken is %+v", taken)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the letters are there before they are committed")
	}
	if err := letters.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"topic":"orders","partition":0,"offset":2,"timestamp":"1970-01-01T00:00:01.5Z","key":"aw==","reason":"\"one\\xff\" is no number","value":"b25l/w==","headers":[{"name":"h","value":"dg=="},{"name":"none","value":null}]}
{"topic":"orders","partition":1,"offset":0,"timestamp":"1970-01-01T00:00:01.5Z","key":null,"reason":"\"\" is no number","value":""}
`
	if string(text) != want {
		t.Errorf("the letters are\n%s, not\n%s", text, want)
	}
}

func TestPoisonInATopic(t *testing.T) {
	f, topic := poisoned(t)
	f.create("dead", 1)
	_, err := NewLetterTopic(t.Context(), f.conn, "daed")
	refused(t, err, ErrUnknownTopic, "dead letters in topic daed", "did you mean dead?")
	letters, err := NewLetterTopic(t.Context(), f.conn, "dead")
	if err != nil {
		t.Fatal(err)
	}
	defer letters.Close()
	if got, err := sums(t, reading(t, topic, wantNumbers(2, letters))); err != nil || got != "0:1 3:2 1:3" {
		t.Errorf("read is %s, and the error %v", got, err)
	}
	if err := letters.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	dead := f.topic("dead")
	r := reading(t, dead, Want{Own: event.Schema{{Name: "_key", Type: event.Of(event.Bytes)}, {Name: "_value", Type: event.Of(event.Bytes)}, {Name: "_headers", Type: Headers}}})
	var b event.Batch
	part := r.Parts()[0]
	defer part.Close()
	if err := part.Read(t.Context(), &b); err != nil || b.Len != 2 {
		t.Fatalf("%d letters, and the error %v", b.Len, err)
	}
	got := shown(&b.Columns[0], 0) + " " + shown(&b.Columns[1], 0) + " " + shown(&b.Columns[2], 0)
	want := "k one\xff h=v;none=null;timeseam.offset=2;timeseam.partition=0;timeseam.reason=\"one\\xff\" is no number;timeseam.timestamp=1970-01-01T00:00:01.5Z;timeseam.topic=orders;"
	if got != want {
		t.Errorf("the letter is %q, not %q", got, want)
	}
}

func TestPoisonTooMuch(t *testing.T) {
	_, topic := poisoned(t)
	letters, err := NewLetterFile(filepath.Join(t.TempDir(), "dead.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := sums(t, reading(t, topic, wantNumbers(1, letters)))
	refused(t, err, ErrPoison, "topic orders, partition 1, offset 0: ", "and 1 values were that before, as many as may be")
	if got != "0:1 3:2" {
		t.Errorf("before that, %s was read", got)
	}
	if err := letters.Close(); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(letters.path), "*")); len(left) > 0 {
		t.Errorf("%v is left", left)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(letters.path), ".*")); len(left) > 0 {
		t.Errorf("%v is left", left)
	}
}

// TestLettersFail holds that where a letter cannot be written the read ends.
func TestLettersFail(t *testing.T) {
	f, topic := poisoned(t)
	_, err := NewLetterFile(filepath.Join(t.TempDir(), "not", "there.jsonl"))
	refused(t, err, nil, "dead letters ")

	f.create("dead", 1)
	letters, err := NewLetterTopic(t.Context(), f.conn, "dead")
	if err != nil {
		t.Fatal(err)
	}
	defer letters.Close()
	f.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.TopicAuthorizationFailed, Count: -1})
	_, err = sums(t, reading(t, topic, wantNumbers(5, letters)))
	refused(t, err, nil, "topic orders, partition 0, offset 2: its dead letter: dead letters in topic dead: ", "may not do this", "Write on a topic for dead letters")

	_, err = sums(t, reading(t, topic, wantNumbers(5, failing{})))
	refused(t, err, errFull, "offset 2: its dead letter: ")
}

var errFull = errors.New("no room is left")

type failing struct{}

func (failing) Write(context.Context, *Letter) error { return errFull }
func (failing) Commit(context.Context) error         { return errFull }
func (failing) Close() error                         { return nil }

// TestDecoderStops holds that what is not a value's fault is no poison.
func TestDecoderStops(t *testing.T) {
	f := newFake(t)
	f.create("orders", 1)
	write(t, f.client(), &kgo.Record{Topic: "orders", Value: []byte("1")}, &kgo.Record{Topic: "orders", Value: []byte("stop")})
	r := reading(t, f.topic("orders"), wantNumbers(5, failing{}))
	_, err := sums(t, r)
	refused(t, err, nil, "topic orders, partition 0, offset 1: schema 7: the registry does not answer")
	if r.poison.Load() != 0 {
		t.Error("it was counted as poison")
	}
}

func TestLetterIsValidJSON(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dead.jsonl")
	letters, err := NewLetterFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := letters.Write(t.Context(), &Letter{Topic: "a", Reason: "bad \xff\n\"text\"", Value: []byte{0}}); err != nil {
		t.Fatal(err)
	}
	if err := letters.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var line map[string]any
	if err := json.Unmarshal(text, &line); err != nil || strings.Count(string(text), "\n") != 1 || line["timestamp"] != nil {
		t.Errorf("%s: %v", text, err)
	}
}
