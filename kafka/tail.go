package kafka

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/timeseam/timeseam/features/event"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// tailRows is how many rows a batch of a tail has at most: few enough for whoever
	// waits until it is applied.
	tailRows = 1 << 10
	// tailBytes is how much of all partitions that a broker leads is asked for at once.
	tailBytes = 4 << 20
	// endEvery is how often at most a partition tells that it is at its end.
	endEvery = 250 * time.Millisecond
	// lookEvery is how often it is asked whether the topic is the same, and has as many
	// partitions.
	lookEvery = 30 * time.Second
	// recoverPause is which of a connection's pauses comes before a broker that did not
	// answer is asked again.
	recoverPause = 3
)

// Tail is the partitions of a topic from an offset each on, without an end. One
// goroutine calls Next; what brokers take to answer is waited for by others, which
// Close waits for.
type Tail struct {
	in     *Reading
	parts  []*tailed // by partition
	ready  []*tailed // those with an answer that is not handed out whole, in turns
	ends   []*tailed // those whose end is to be told
	came   chan came
	asked  map[int32]bool // brokers that have not answered yet
	turn   int
	looked time.Time
	every  time.Duration // lookEvery
	stop   context.CancelFunc
	ctx    context.Context
	wait   sync.WaitGroup

	mu      sync.Mutex
	trouble Trouble
}

// Trouble is what keeps a tail from going on, and since when; no error: nothing does.
type Trouble struct {
	Since time.Time
	Err   error
}

// tailed is one partition of a tail.
type tailed struct {
	*part
	end    int64 // as the last answer told
	told   time.Time
	atEnd  bool
	most   int32
	hands  [2]hand
	handed int
}

// hand is what rows are made in. A tail fills one while whoever reads works on the other.
type hand struct {
	decoder Decoder
	columns []event.Column
}

// Fetched is rows of one partition of a tail, behind those that were fetched of it
// before.
type Fetched struct {
	Partition int32
	Next      int64       // all below it is dealt with
	End       int64       // where the log ended when it was asked last, of what is committed
	AtEnd     bool        // it was asked for more, and there was none
	Rows      event.Batch // may be used until the call of Next after the next
	Taken     Taken       // of these rows
	Wrong     event.Counts
}

// came is what a broker, or the cluster, answered.
type came struct {
	broker     int32
	answers    []tailAnswer
	partitions int // of the topic, where that was asked; 0: it was not
	err        error
}

// tailAnswer is an answer of one partition.
type tailAnswer struct {
	partition int32
	answer
	end int64
	cut bool
}

// Tail makes ready to follow partitions from offsets on, one for each that the topic
// has. Partitions that are added later are followed from their beginning.
func (t *Topic) Tail(want Want, from []int64) (*Tail, error) {
	if len(from) != t.count {
		return nil, fmt.Errorf("topic %s: %w", t.Name, &Fault{fmt.Sprintf("it has %d partitions, and %d are to be followed", t.count, len(from)), ErrChanged})
	}
	in := &Reading{topic: t, want: want}
	if err := want.validate(); err != nil {
		return nil, fmt.Errorf("topic %s: %w", t.Name, err)
	}
	l := &Tail{in: in, came: make(chan came), asked: map[int32]bool{}, looked: time.Now(), every: lookEvery}
	l.ctx, l.stop = context.WithCancel(context.Background())
	for p, offset := range from {
		l.follow(int32(p), offset)
	}
	return l, nil
}

// follow adds a partition.
func (l *Tail) follow(partition int32, from int64) {
	p := &tailed{part: newPart(l.in, Range{partition, from, 1<<63 - 1}), end: from, most: fetchBytes}
	for i := range p.hands {
		p.hands[i].columns = make([]event.Column, len(l.in.want.Own))
	}
	l.parts = append(l.parts, p)
}

// Close lets go of what is held, and waits for what is under way.
func (l *Tail) Close() {
	l.stop()
	done := make(chan struct{})
	go func() { l.wait.Wait(); close(done) }()
	for {
		select {
		case <-l.came:
		case <-done:
			for _, p := range l.parts {
				p.Close()
			}
			return
		}
	}
}

// Trouble is what keeps the tail from going on at the moment. Any goroutine may ask.
func (l *Tail) Trouble() Trouble {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.trouble
}

func (l *Tail) note(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err == nil:
		l.trouble = Trouble{}
	case l.trouble.Err == nil:
		l.trouble = Trouble{time.Now(), err}
	default:
		l.trouble.Err = err
	}
}

// Next waits for rows of some partition, or that one has come to its end. What may
// pass is waited for without an end, and told by Trouble; an error is final.
func (l *Tail) Next(ctx context.Context) (*Fetched, error) {
	for {
		l.ask()
		if f, err := l.hand(ctx); f != nil || err != nil {
			return f, err
		}
		select {
		case c := <-l.came:
			if err := l.take(&c); err != nil {
				return nil, err
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// ask asks every broker that leads partitions of which no answer is at hand, all of
// them at once, and not again before it has answered: requests of a connection wait
// for one another.
func (l *Tail) ask() {
	by := map[leader][]*tailed{}
	for i := range l.parts {
		p := l.parts[(i+l.turn)%len(l.parts)]
		if led := l.in.topic.leads(p.of.Partition); len(p.rest) == 0 && len(p.records) == 0 {
			by[leader{broker: led.broker}] = append(by[leader{broker: led.broker}], p)
		}
	}
	for led, parts := range by {
		if l.asked[led.broker] {
			continue
		}
		l.asked[led.broker] = true
		l.turn++
		req := l.request(parts)
		l.wait.Go(func() { l.send(led.broker, req) })
	}
	if time.Since(l.looked) > l.every && !l.asked[looking] {
		l.asked[looking] = true
		l.wait.Go(func() { l.look() })
	}
}

// looking stands for the cluster among brokers.
const looking = -2

// request asks for several partitions, the first of which gets the most.
func (l *Tail) request(parts []*tailed) *kmsg.FetchRequest {
	var req *kmsg.FetchRequest
	for _, p := range parts {
		one := l.in.topic.request(Range{p.of.Partition, p.asked, p.of.To}, l.in.topic.leads(p.of.Partition), p.most)
		if req == nil {
			req = one
		} else {
			req.Topics[0].Partitions = append(req.Topics[0].Partitions, one.Topics[0].Partitions...)
		}
	}
	req.MaxBytes = max(tailBytes, req.Topics[0].Partitions[0].PartitionMaxBytes)
	return req
}

// send asks a broker until it answers, or what it answers will not pass.
func (l *Tail) send(broker int32, req *kmsg.FetchRequest) {
	c := came{broker: broker}
	c.answers, c.err = l.sendOnce(broker, req)
	if c.err != nil && l.outlasts(c.err) {
		l.note(fmt.Errorf("topic %s: %w", l.in.topic.Name, l.in.topic.cluster.fault(c.err)))
		c.err = l.recover()
	} else if c.err == nil {
		l.note(nil)
	}
	l.tell(c)
}

// outlasts reports whether the tail waits for an error to pass. Brokers have answered
// before: a name that is unknown for a while is no mistake of the settings.
func (l *Tail) outlasts(err error) bool {
	var name *net.DNSError
	return l.in.topic.cluster.passes(err) || errors.As(err, &name)
}

// tell hands something to Next, unless nobody waits for it any more.
func (l *Tail) tell(c came) {
	select {
	case l.came <- c:
	case <-l.ctx.Done():
	}
}

// recover waits a while and asks who leads now, so that the next request goes to whom
// can answer it. Only what will not pass is an error.
func (l *Tail) recover() error {
	if wait(l.ctx, l.in.topic.cluster.conn.pause(recoverPause)) != nil {
		return nil
	}
	if err := l.in.topic.elect(l.ctx); err != nil && !l.outlasts(err) && l.ctx.Err() == nil {
		return err
	}
	return nil
}

// sendOnce asks once. Of partitions whose leader has changed there is no answer.
func (l *Tail) sendOnce(broker int32, req *kmsg.FetchRequest) (all []tailAnswer, err error) {
	if broker < 0 {
		return nil, kerr.LeaderNotAvailable
	}
	resp, err := l.in.topic.cluster.client.Broker(int(broker)).Request(l.ctx, req)
	if err != nil {
		return nil, err
	}
	fetched, ok := resp.(*kmsg.FetchResponse)
	if !ok || len(fetched.Topics) > 1 {
		return nil, errGarbled
	}
	if err := kerr.ErrorForCode(fetched.ErrorCode); err != nil {
		return nil, err
	}
	var passing error
	for i := range fetched.Topics {
		for _, p := range fetched.Topics[i].Partitions {
			at := slices.IndexFunc(req.Topics[0].Partitions, func(o kmsg.FetchRequestTopicPartition) bool { return o.Partition == p.Partition })
			if at < 0 {
				return nil, errGarbled
			}
			one, err := tailAnswered(p, req.Topics[0].Partitions[at].FetchOffset)
			switch {
			case errors.Is(err, kerr.OffsetOutOfRange):
				return nil, l.gone(p.Partition, req.Topics[0].Partitions[at].FetchOffset)
			case err != nil && l.outlasts(err):
				passing = &ofPartition{p.Partition, err}
			case err != nil:
				return nil, &ofPartition{p.Partition, err}
			default:
				all = append(all, one)
			}
		}
	}
	if len(all) > 0 {
		return all, nil // the others are asked again, and tell again
	}
	return nil, passing
}

// tailAnswered looks at what a broker said of a partition, from an offset on.
func tailAnswered(p kmsg.FetchResponseTopicPartition, from int64) (tailAnswer, error) {
	a := tailAnswer{partition: p.Partition, end: p.LastStableOffset}
	if a.end < 0 {
		a.end = p.HighWatermark
	}
	got, err := answered(p, Range{p.Partition, from, from}, false)
	switch {
	case errors.Is(err, errCut):
		a.cut, a.answer = true, answer{next: from, empty: true}
		return a, nil
	case errors.Is(err, errNothing):
		a.answer = answer{next: from, empty: true}
		return a, nil
	}
	a.answer = got
	return a, err
}

// gone says why offsets that are asked for are not there.
func (l *Tail) gone(partition int32, at int64) error {
	err := l.in.topic.gone(l.ctx, Range{partition, at, at + 1})
	return fmt.Errorf("partition %d, offset %d: %w", partition, at, err)
}

// look asks whether the topic is still the same, and how many partitions it has.
func (l *Tail) look() {
	c := came{broker: looking}
	if err := l.in.topic.elect(l.ctx); err != nil && !l.outlasts(err) {
		c.err = err
	}
	l.in.topic.mu.Lock()
	c.partitions = len(l.in.topic.leaders)
	l.in.topic.mu.Unlock()
	l.tell(c)
}

// take takes what came.
func (l *Tail) take(c *came) error {
	delete(l.asked, c.broker)
	if c.err != nil {
		return fmt.Errorf("topic %s: %w", l.in.topic.Name, l.in.topic.cluster.fault(l.in.topic.vanished(c.err)))
	}
	if c.broker == looking {
		l.looked = time.Now()
		for p := len(l.parts); p < c.partitions; p++ {
			l.follow(int32(p), 0)
		}
	}
	for i := range c.answers {
		l.parts[c.answers[i].partition].take(l, &c.answers[i])
	}
	return nil
}

// take takes an answer of the partition.
func (p *tailed) take(l *Tail, a *tailAnswer) {
	p.end = max(a.end, a.next)
	switch {
	case a.cut:
		p.most = min(2*p.most, answerMost)
	case !a.empty:
		p.most, p.atEnd = fetchBytes, false
		p.in.hold(a.bytes() - p.answer.bytes())
		p.answer, p.rest, p.part.asked = a.answer, a.whole, a.next
		l.ready = append(l.ready, p)
	case a.end <= p.part.asked && (!p.atEnd || time.Since(p.told) > endEvery):
		p.atEnd, p.told = true, time.Now()
		l.ends = append(l.ends, p)
	}
}

// hand makes rows of an answer that is at hand; nil: there is none.
func (l *Tail) hand(ctx context.Context) (*Fetched, error) {
	if len(l.ready) > 0 {
		p := l.ready[0]
		l.ready = l.ready[1:]
		f, err := p.fetched(ctx)
		if err != nil {
			return nil, err
		}
		if len(p.rest) > 0 || len(p.records) > 0 {
			l.ready = append(l.ready, p)
		}
		return f, nil
	}
	if len(l.ends) > 0 {
		p := l.ends[0]
		l.ends = l.ends[1:]
		return &Fetched{Partition: p.of.Partition, Next: p.handedOut(), End: p.end, AtEnd: true}, nil
	}
	return nil, nil
}

// handedOut is the offset below which all was handed out.
func (p *tailed) handedOut() int64 { return p.part.told().To }

// fetched makes the next rows of the answer.
func (p *tailed) fetched(ctx context.Context) (*Fetched, error) {
	p.handed = 1 - p.handed
	h := &p.hands[p.handed]
	p.decoder, p.columns = h.decoder, h.columns
	p.begin()
	h.decoder = p.decoder
	before := p.part.told()
	p.mu.Lock()
	p.taken.Records, p.taken.WithoutData, p.taken.Poison, p.taken.Earliest, p.taken.Latest = 0, 0, 0, event.MaxTime, event.MinTime
	p.mu.Unlock()
	p.wrong = event.Counts{}
	rows, bytes := 0, 0
	for rows < tailRows && bytes < batchBytes {
		if len(p.records) == 0 {
			if len(p.rest) == 0 {
				break
			}
			if err := p.unpackNext(); err != nil {
				return nil, err
			}
			continue
		}
		n, size, err := p.rows(ctx, tailRows-rows, batchBytes-bytes)
		if err != nil {
			return nil, err
		}
		rows, bytes = rows+n, bytes+size
	}
	f := &Fetched{Partition: p.of.Partition, End: p.end, Taken: p.part.told(), Wrong: p.wrong}
	f.Taken.From, f.Next = before.To, f.Taken.To
	f.Rows.Len, f.Rows.Columns = rows, append(f.Rows.Columns, p.columns...)
	if p.decoder != nil {
		f.Rows.Columns = append(f.Rows.Columns, p.decoder.Columns()...)
	}
	p.weigh(&f.Rows)
	return f, nil
}
