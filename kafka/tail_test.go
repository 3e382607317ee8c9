package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/timeseam/timeseam/features/event"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// wantTexts is values as texts, and offsets.
func wantTexts() Want {
	return Want{Own: event.Schema{{Name: "_offset", Type: event.Of(event.Int)}, {Name: "_value", Type: event.Of(event.String)}}}
}

// followed reads a tail until so many rows have come, and returns them by partition; and
// where each partition stands.
func followed(t *testing.T, l *Tail, n int) (rows map[int32][]string, next map[int32]int64) {
	t.Helper()
	rows, next = map[int32][]string{}, map[int32]int64{}
	for n > 0 {
		f := nextOf(t, l)
		if f.AtEnd && f.Rows.Len > 0 || f.Next > f.End || f.Next < next[f.Partition] {
			t.Fatalf("%+v", f)
		}
		next[f.Partition] = f.Next
		for i := range f.Rows.Len {
			rows[f.Partition] = append(rows[f.Partition], fmt.Sprintf("%d %s", f.Rows.Columns[0].Ints[i], f.Rows.Columns[1].Text(i)))
		}
		n -= f.Rows.Len
	}
	return rows, next
}

func nextOf(t *testing.T, l *Tail) *Fetched {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	f, err := l.Next(ctx)
	if err != nil {
		t.Fatalf("%v, after %v", err, l.Trouble().Err)
	}
	return f
}

func tailOf(t *testing.T, topic *Topic, from ...int64) *Tail {
	t.Helper()
	l, err := topic.Tail(wantTexts(), from)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

// TestTail follows partitions while they are written to, from any offset, through
// transactions that abort, and begins again wherever it stopped.
func TestTail(t *testing.T) {
	f := newFake(t, kfake.NumBrokers(2))
	f.create("tx", 3)
	client := f.client()
	want := map[int32][]string{}
	add := func(p int32, from, n, offset int) {
		writeTogether(t, client, texts("tx", p, from, n)...)
		for i := range n {
			want[p] = append(want[p], fmt.Sprintf("%d n%d", offset+i, from+i))
		}
	}
	add(0, 0, 3000, 0)
	add(2, 5000, 10, 0)
	l := tailOf(t, f.topic("tx"), 1, 0, 0)
	got, next := followed(t, l, 3009)
	want[0] = want[0][1:]
	for p := range want {
		if !slices.Equal(got[p], want[p]) {
			t.Errorf("partition %d: %d rows, want %d", p, len(got[p]), len(want[p]))
		}
	}
	if next[0] != 3000 || next[2] != 10 {
		t.Errorf("positions are %v", next)
	}
	ends := map[int32]bool{}
	for len(ends) < 3 {
		if f := nextOf(t, l); f.AtEnd {
			ends[f.Partition] = true
		}
	}
	transactional := f.client(kgo.TransactionalID("t"))
	transaction(t, transactional, kgo.TryAbort, texts("tx", 1, 100, 5)...)
	transaction(t, transactional, kgo.TryCommit, texts("tx", 1, 200, 2)...)
	got, moved := followed(t, l, 2)
	maps.Copy(next, moved)
	if want := []string{"6 n200", "7 n201"}; !slices.Equal(got[1], want) {
		t.Errorf("%v, want %v", got, want)
	}
	for next[1] < 9 { // behind the marker
		f := nextOf(t, l)
		next[f.Partition] = f.Next
	}
	l.Close()
	again := tailOf(t, f.topic("tx"), next[0], next[1], next[2])
	add(0, 9000, 1, 3000)
	if got, _ = followed(t, again, 1); got[0][0] != "3000 n9000" {
		t.Errorf("%v", got)
	}
}

// TestTailHolds reads batches as a consumer does that works on one while the next is
// made.
func TestTailHolds(t *testing.T) {
	f := newFake(t)
	f.create("tx", 1)
	writeTogether(t, f.client(), texts("tx", 0, 0, 5*tailRows)...)
	l := tailOf(t, f.topic("tx"), 0)
	var before *Fetched
	at := 0
	check := func(f *Fetched) {
		for i := range f.Rows.Len {
			if f.Rows.Columns[0].Ints[i] != int64(at) {
				t.Fatalf("offset %d, want %d", f.Rows.Columns[0].Ints[i], at)
			}
			at++
		}
	}
	for at < 4*tailRows {
		now := nextOf(t, l)
		if before != nil {
			check(before)
		}
		before = now
	}
}

// TestTailGone holds that a tail never goes on elsewhere than where it stood.
func TestTailGone(t *testing.T) {
	f := newFake(t)
	f.create("tx", 1)
	writeTogether(t, f.client(), texts("tx", 0, 0, 10)...)
	topic := f.topic("tx")
	l := tailOf(t, topic, 50)
	if _, err := l.Next(t.Context()); !errors.Is(err, ErrGone) {
		t.Errorf("beyond the end: %v", err)
	}
	l = tailOf(t, topic, 10)
	nextOf(t, l)
	f.DeleteTopic("tx")
	f.create("tx", 1)
	writeTogether(t, f.client(), texts("tx", 0, 0, 20)...)
	for {
		_, err := l.Next(t.Context())
		if err == nil {
			continue
		}
		if !errors.Is(err, ErrChanged) {
			t.Errorf("a topic made anew: %v", err)
		}
		break
	}
	if _, err := topic.Tail(wantTexts(), nil); !errors.Is(err, ErrChanged) {
		t.Errorf("%v", err)
	}
}

// TestTailAdded holds that partitions which are added are followed from their beginning.
func TestTailAdded(t *testing.T) {
	f := newFake(t)
	f.create("tx", 1)
	l := tailOf(t, f.topic("tx"), 0)
	l.every = time.Millisecond
	nextOf(t, l)
	if _, err := kadm.NewClient(f.client()).CreatePartitions(t.Context(), 2, "tx"); err != nil {
		t.Fatal(err)
	}
	writeTogether(t, f.client(), texts("tx", 2, 7, 1)...)
	if got, _ := followed(t, l, 1); got[2][0] != "0 n7" {
		t.Errorf("%v", got)
	}
}

// TestTailMoves has leaders move and brokers fail to answer: all is read once, and the
// trouble is told while it lasts.
func TestTailMoves(t *testing.T) {
	f := newFake(t, kfake.NumBrokers(3))
	f.create("tx", 4)
	client := f.client()
	l := tailOf(t, f.topic("tx"), 0, 0, 0, 0)
	random := rand.New(rand.NewPCG(1, 2))
	for round := range 6 {
		switch round % 3 {
		case 0:
			if err := f.MoveTopicPartition("tx", int32(random.IntN(4)), int32(random.IntN(3))); err != nil {
				t.Fatal(err)
			}
		case 1:
			f.ControlKey(int16(kmsg.Fetch), func(kmsg.Request) (kmsg.Response, error, bool) { return nil, errors.New("no answer"), true })
		}
		for p := range int32(4) {
			writeTogether(t, client, texts("tx", p, round*10, 3)...)
		}
		got, _ := followed(t, l, 12)
		for p := range int32(4) {
			for i := range 3 {
				if want := fmt.Sprintf("%d n%d", round*3+i, round*10+i); got[p][i] != want {
					t.Fatalf("round %d, partition %d: %v, want %s", round, p, got[p], want)
				}
			}
		}
	}
}

// TestTailTrouble holds that a tail waits for brokers that do not answer, says so, and
// goes on.
func TestTailTrouble(t *testing.T) {
	f := newFake(t)
	f.create("tx", 1)
	l := tailOf(t, f.topic("tx"), 0)
	nextOf(t, l)
	var back atomic.Bool
	f.ControlKey(int16(kmsg.Fetch), func(kmsg.Request) (kmsg.Response, error, bool) {
		f.KeepControl()
		return nil, errors.New("no answer"), !back.Load()
	})
	ctx, cancel := context.WithCancel(t.Context())
	went := make(chan error)
	go func() { _, err := l.Next(ctx); went <- err }()
	for l.Trouble().Err == nil {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-went; err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	back.Store(true)
	writeTogether(t, f.client(), texts("tx", 0, 0, 2)...)
	if got, _ := followed(t, l, 2); len(got[0]) != 2 || l.Trouble().Err != nil {
		t.Errorf("%v, %v", got, l.Trouble())
	}
}
