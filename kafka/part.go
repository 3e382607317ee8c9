package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"unsafe"

	"github.com/timeseam/timeseam/features/event"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// How large a batch of events gets, by rows and by the bytes of its records.
const (
	batchRows  = 32 << 10
	batchBytes = 8 << 20
)

// part is one range, as a source.
type part struct {
	in      *Reading
	of      Range
	decoder Decoder
	columns []event.Column
	wrong   event.Counts

	pos     int64         // every offset of the range below it is dealt with (K2)
	asked   int64         // where the next answer begins
	answer  answer        // being unpacked
	rest    []byte        // of it, the batches that are not unpacked yet
	coming  chan answer   // the next one, or nil
	cancel  func()        // of what fetches it
	records []*kgo.Record // of the unpacked batch, those that are not rows yet
	slab    slab
	unpack  unpacker
	held    int64 // of the reading's bytes, those in slab, unpack and columns

	err    error
	closed bool
	mu     sync.Mutex // guards taken
	taken  Taken
}

// slab is memory for the records of one batch, used again for the next: they are
// copied into columns before that (kgo.PoolRecords).
type slab struct{ records []kgo.Record }

// GetRecords lends the memory.
func (s *slab) GetRecords(n int) []kgo.Record {
	if cap(s.records) < n {
		s.records = make([]kgo.Record, n)
	}
	return s.records[:0]
}

// PutRecords takes nothing back, as it is still there.
func (s *slab) PutRecords([]kgo.Record) {}

func newPart(in *Reading, of Range) *part {
	p := &part{in: in, of: of, pos: of.From, asked: of.From, unpack: unpacker{most: unpackedMost}}
	p.taken = Taken{Range: Range{of.Partition, of.From, of.From}, Earliest: event.MaxTime, Latest: event.MinTime}
	p.columns = make([]event.Column, len(in.want.Own))
	return p
}

// Schema says what the columns are.
func (p *part) Schema() event.Schema { return p.in.Schema() }

// Counted tells of values that their column could not hold.
func (p *part) Counted() event.Counts { return p.wrong }

// Close lets go of all that is held, and waits for what is under way.
func (p *part) Close() error {
	p.closed = true
	p.drop()
	return nil
}

func (p *part) drop() {
	if p.coming != nil {
		p.cancel()
		last := <-p.coming
		p.in.hold(-last.bytes())
		p.coming = nil
	}
	p.in.hold(-p.answer.bytes() - p.held)
	p.answer, p.rest, p.records, p.held = answer{}, nil, nil, 0
	p.slab = slab{}
	p.unpack.close()
}

// Read fills b with the next rows of the range.
func (p *part) Read(ctx context.Context, b *event.Batch) error {
	b.Len, b.Columns, b.Carried = 0, b.Columns[:0], nil
	switch {
	case p.closed:
		return errClosed
	case p.err != nil:
		return p.err
	}
	p.begin()
	rows, err := p.fill(ctx)
	if err != nil {
		p.err = err
		p.drop()
		return err
	}
	b.Len, b.Columns = rows, append(b.Columns, p.columns...)
	if p.decoder != nil {
		b.Columns = append(b.Columns, p.decoder.Columns()...)
	}
	p.weigh(b)
	return nil
}

// begin makes the columns empty. Dictionaries are new ones, as those that were
// handed on never change (E2).
func (p *part) begin() {
	for i, f := range p.in.want.Own {
		p.columns[i] = emptied(&p.columns[i], f.Type)
	}
	if p.in.want.Decoder == nil {
		return
	}
	if p.decoder == nil {
		p.decoder = p.in.want.Decoder()
	}
	p.decoder.Begin()
}

// fill makes rows until a batch is full or the range ends, and io.EOF where there is
// none at its end.
func (p *part) fill(ctx context.Context) (rows int, err error) {
	bytes := 0
	for rows < batchRows && bytes < batchBytes {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		if len(p.records) == 0 {
			if p.pos >= p.of.To {
				break
			}
			if err := p.advance(ctx); err != nil {
				return 0, err
			}
			continue
		}
		n, size, err := p.rows(ctx, batchRows-rows, batchBytes-bytes)
		if err != nil {
			return 0, err
		}
		rows, bytes = rows+n, bytes+size
	}
	if rows == 0 {
		return 0, io.EOF
	}
	return rows, nil
}

// advance unpacks the next batch, or takes the next answer where none is left.
func (p *part) advance(ctx context.Context) error {
	if len(p.rest) > 0 {
		return p.unpackNext()
	}
	if p.coming == nil {
		p.fetch(ctx)
	}
	select {
	case a := <-p.coming:
		p.cancel()
		p.coming = nil
		p.in.hold(-p.answer.bytes())
		p.answer, p.rest = a, a.whole
	case <-ctx.Done():
		return ctx.Err()
	}
	switch {
	case p.answer.err != nil:
		return p.answer.err
	case p.answer.empty:
		p.reach(p.of.To)
		return nil
	}
	if p.asked = p.answer.next; p.asked < p.of.To {
		p.fetch(ctx)
	}
	return nil
}

// fetch has the next answer come meanwhile. It outlives the call that began it, so
// that call's context does not end it; Close does, and waits.
func (p *part) fetch(ctx context.Context) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	coming, of, at := make(chan answer, 1), p.of, p.asked
	p.coming, p.cancel = coming, cancel
	go func() {
		a := p.in.topic.fetch(ctx, of, at)
		p.in.hold(a.bytes())
		coming <- a
	}()
}

// bytes is what an answer takes.
func (a *answer) bytes() int64 { return int64(cap(a.of.RecordBatches)) }

// reach says that all below an offset is dealt with.
func (p *part) reach(offset int64) {
	p.pos = min(offset, p.of.To)
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.records) == 0 {
		p.taken.To = p.pos
	}
}

// unpackNext unpacks the next batch of the answer. The library would unpack all of an answer at once,
// which may be a hundred times as much.
func (p *part) unpackNext() error {
	length, _, next, err := frameOf(p.rest)
	if err != nil {
		return p.wrongAt(p.pos, err)
	}
	frame := p.rest[:length]
	p.rest = p.rest[length:]
	if next <= p.pos {
		return nil
	}
	one := p.answer.of
	one.RecordBatches = frame
	opts := kgo.ProcessFetchPartitionOpts{
		KeepControlRecords: true, // They tell which transactions end.
		Offset:             p.pos,
		IsolationLevel:     kgo.ReadCommitted(),
		Topic:              p.in.topic.Name,
		Partition:          p.of.Partition,
		Pools:              []kgo.Pool{&p.slab},
	}
	got, read := kgo.ProcessFetchPartition(opts, &one, &p.unpack, nil)
	if got.Err != nil {
		return p.wrongAt(p.pos, damaged(p.pos, got.Err.Error()))
	}
	if read < next {
		return p.wrongAt(p.pos, damaged(p.pos, "it holds fewer records than it states"))
	}
	p.records = p.within(got.Records)
	p.reach(next)
	return nil
}

// within is the records that are events and of the range. An abort marker ends the first of
// its producer's aborted transactions, which the rest of the answer must not be held
// against.
func (p *part) within(records []*kgo.Record) []*kgo.Record {
	kept := records[:0]
	for _, r := range records {
		if r.Attrs.IsControl() {
			if len(r.Key) >= 4 && r.Key[2] == 0 && r.Key[3] == 0 {
				p.answer.of.AbortedTransactions = ended(p.answer.of.AbortedTransactions, r.ProducerID)
			}
			continue
		}
		if r.Offset < p.of.To {
			kept = append(kept, r)
		}
	}
	return kept
}

// ended is the list without the first transaction of a producer.
func ended(all []kmsg.FetchResponseTopicPartitionAbortedTransaction, producer int64) []kmsg.FetchResponseTopicPartitionAbortedTransaction {
	first := -1
	for i, a := range all {
		if a.ProducerID == producer && (first < 0 || a.FirstOffset < all[first].FirstOffset) {
			first = i
		}
	}
	if first < 0 {
		return all
	}
	return append(all[:first], all[first+1:]...)
}

// rows makes rows of the records at hand, until there are so many or so many bytes
// of them.
func (p *part) rows(ctx context.Context, rowsMost, bytesMost int) (rows, bytes int, err error) {
	t := Taken{Earliest: event.MaxTime, Latest: event.MinTime}
	kept, at := p.records[:0], 0
	for ; at < len(p.records) && len(kept) < rowsMost && bytes < bytesMost; at++ {
		r := p.records[at]
		t.see(r)
		row, err := p.decode(ctx, r, &t)
		if err != nil {
			return 0, 0, err
		}
		if row {
			bytes += sizeOf(r)
			kept = append(kept, r)
		}
	}
	for i := range p.columns {
		fillers[p.in.want.Own[i].Name](&p.columns[i], kept, &p.wrong)
	}
	p.records = p.records[at:]
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken.add(&t)
	if p.taken.To = p.pos; len(p.records) > 0 {
		p.taken.To = p.records[0].Offset
	}
	return len(kept), bytes, nil
}

// decode appends a record's row to the decoder's columns, and reports whether there
// is one.
func (p *part) decode(ctx context.Context, r *kgo.Record, t *Taken) (bool, error) {
	if p.decoder == nil {
		return true, nil
	}
	if r.Value == nil {
		t.WithoutData++
		return false, nil
	}
	err := p.decoder.Append(ctx, r.Value)
	if err == nil {
		return true, nil
	}
	var stops stopping
	if ctx.Err() != nil || errors.As(err, &stops) && stops.Stops() {
		return false, p.wrongAt(r.Offset, err)
	}
	t.Poison++
	return false, p.in.bury(ctx, letterOf(r, err))
}

// wrongAt names the place of an error.
func (p *part) wrongAt(offset int64, err error) error {
	return fmt.Errorf("topic %s, partition %d, offset %d: %w", p.in.topic.Name, p.of.Partition, offset, err)
}

// weigh counts what the part holds besides its answers.
func (p *part) weigh(b *event.Batch) {
	now := int64(cap(p.unpack.out)) + int64(cap(p.slab.records))*int64(unsafe.Sizeof(kgo.Record{})+unsafe.Sizeof((*kgo.Record)(nil)))
	for i := range b.Columns {
		now += columnBytes(&b.Columns[i])
	}
	p.in.hold(now - p.held)
	p.held = now
}

// columnBytes is what a column's vectors and texts take.
func columnBytes(c *event.Column) int64 {
	n := cap(c.Null) + 8*cap(c.Ints) + 8*cap(c.Floats) + 16*cap(c.Decimals) + 4*cap(c.Codes) + 4*cap(c.Offsets)
	if c.Dict != nil {
		n += cap(c.Dict.Bytes) + 4*cap(c.Dict.Offsets)
	}
	all := int64(n)
	if c.Elem != nil {
		all += columnBytes(c.Elem)
	}
	for i := range c.Fields {
		all += columnBytes(&c.Fields[i])
	}
	return all
}

// told is what was read so far.
func (p *part) told() Taken {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.taken
}

// see counts a record.
func (t *Taken) see(r *kgo.Record) {
	t.Records++
	if at, ok := instantOf(r); ok {
		t.Earliest, t.Latest = min(t.Earliest, at), max(t.Latest, at)
	}
}

// add adds what was read after.
func (t *Taken) add(o *Taken) {
	t.Records += o.Records
	t.WithoutData += o.WithoutData
	t.Poison += o.Poison
	t.Earliest, t.Latest = min(t.Earliest, o.Earliest), max(t.Latest, o.Latest)
}
