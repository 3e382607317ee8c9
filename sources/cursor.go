package sources

import (
	"cmp"
	"fmt"
	"io"
	"slices"

	"github.com/parquet-go/bitpack/unsafecast"
	"github.com/parquet-go/parquet-go/format"
	"github.com/timeseam/timeseam/features/event"
)

// textMost is about how many bytes of texts without a dictionary one batch takes.
const textMost = 8 << 20

// cursor reads one column of a part: it goes through the pages of one row group
// after the other and fills the vectors of a batch from them.
type cursor struct {
	name  string
	leaf  *leaf
	batch int          // rows of the longest batch
	col   event.Column // of the batch that is being made; its vectors are used again
	null  []bool
	want  int   // rows of the batch
	rows  int   // and so far
	any   bool  // some row of the batch is null
	bad   int64 // values that their type could not hold

	headers headReader // of the pages behind those whose headers are known
	heads   []pageHead // those, without what was read
	failed  error      // why there is no header behind them
	head    *pageHead  // of the dictionary, until it is read
	on      pageHead
	pages   *pageReader // nil: none was needed yet
	row     int         // where the page was read to, in rows
	at      int         // and in values

	// The dictionary of the row group, in the form of the column.
	ints     []int64
	floats   []float64
	decimals []event.Int128
	wrong    []bool // entries that their type cannot hold; nil: none
	dict     *event.Dict

	codes  []uint32 // of the piece that is being added, in memory that is used again
	places []int32  // positions of values that their type cannot hold
}

// prepare makes the vectors, of what another part of the table had.
func (c *cursor) prepare() {
	had := &c.pages.vectors
	c.null = longer(had.Null, c.batch)
	switch c.col.Type.Kind {
	case event.Double:
		c.col.Floats = longer(had.Floats, c.batch)
	case event.Decimal:
		c.col.Decimals = longer(had.Decimals, c.batch)
	case event.String, event.Bytes:
		c.col.Codes = longer(had.Codes, c.batch)
	default:
		c.col.Ints = longer(had.Ints, c.batch)
	}
	*had = event.Column{}
}

// longer is a vector of n values, in the memory of v if that has room. Every row that
// a batch has is written.
func longer[T any](v []T, n int) []T {
	if v == nil || cap(v) < n {
		return make([]T, n)
	}
	return v[:n]
}

// lend gives the vectors to a part that is read later: at the end of this one no
// batch of it stands any more.
func (c *cursor) lend() {
	c.pages.vectors = c.col
	c.pages.vectors.Null, c.pages.vectors.Dict = c.null, nil
}

// forget lets go of all vectors. Whoever reads many parts keeps those that are at
// their end for what they have counted, and a batch that was lent keeps its own.
func (c *cursor) forget() {
	*c = cursor{name: c.name, leaf: c.leaf, batch: c.batch, col: event.Column{Type: c.col.Type}, bad: c.bad}
}

// open begins a row group.
func (c *cursor) open(r io.ReaderAt, g *format.RowGroup, p *part) {
	m := &g.Columns[c.leaf.index].MetaData
	c.headers.begin(m)
	c.heads, c.failed, c.head = c.heads[:0], nil, nil
	c.pages.open(r, m)
	c.pages.leaf, c.pages.codecs = c.leaf, &p.codecs
	c.pages.budget, c.pages.held = &p.budget, 0
	c.on, c.row = pageHead{}, 0
	c.ints, c.floats, c.decimals, c.wrong, c.dict = nil, nil, nil, nil, nil
}

// look reads one header more, and reports whether there is one. It is called as
// late as can be: of what lies far off, headers cost as much as pages.
func (c *cursor) look() bool {
	for c.failed == nil && c.headers.left > 0 {
		p, err := c.headers.next(c.pages)
		switch {
		case err != nil:
			c.failed = err
		case p.version == 0:
			c.head = &p
		default:
			c.heads = append(c.heads, p)
			return true
		}
	}
	return false
}

// run is how many of the next n rows may be in one batch: text is cut where the
// file turns from its dictionary to plain texts, and where texts are long (R4, R5).
func (c *cursor) run(n int) int {
	if !c.col.Type.Text() {
		return n
	}
	rows, size, coded := c.on.rows-c.row, c.on.size, c.on.coded
	for i := 0; rows < n && (i < len(c.heads) || c.look()); i++ {
		h := &c.heads[i]
		if rows == 0 {
			coded, size = h.coded, 0
		}
		if h.coded != coded || rows > 0 && !coded && size+h.size > textMost {
			break
		}
		rows, size = rows+h.rows, size+h.size
	}
	return min(n, max(rows, 1)) // Where no header can be read, take says why.
}

// begin starts a batch.
func (c *cursor) begin() {
	c.rows, c.any = 0, false
	if c.col.Type.Text() {
		c.col.Dict = nil
	}
}

// take adds the next n rows to the batch.
func (c *cursor) take(n int) error {
	c.want = c.rows + n
	for n > 0 {
		if c.row == c.on.rows {
			if err := c.next(); err != nil {
				return err
			}
		}
		m := min(n, c.on.rows-c.row)
		if err := c.piece(m); err != nil {
			return err
		}
		n -= m
	}
	return nil
}

// column is the batch's column, once its n rows are taken.
func (c *cursor) column(n int) event.Column {
	col := event.Column{Type: c.col.Type, Dict: c.col.Dict}
	if c.any {
		col.Null = c.null[:n]
	}
	switch {
	case c.col.Codes != nil:
		col.Codes = c.col.Codes[:n]
		col.Dict = filled(c.col.Dict)
	case c.col.Floats != nil:
		col.Floats = c.col.Floats[:n]
	case c.col.Decimals != nil:
		col.Decimals = c.col.Decimals[:n]
	default:
		col.Ints = c.col.Ints[:n]
	}
	return col
}

// filled gives a dictionary without entries one, so that the codes of nulls name
// something (E1).
func filled(d *event.Dict) *event.Dict {
	if d == nil || d.Len() == 0 {
		return &event.Dict{Offsets: []uint32{0, 0}}
	}
	return d
}

// next reads the next page.
func (c *cursor) next() error {
	if len(c.heads) == 0 && !c.look() {
		return cmp.Or(c.failed, errShort)
	}
	c.on = c.heads[0]
	c.heads = slices.Delete(c.heads, 0, 1)
	c.row, c.at = 0, 0
	if c.on.coded && c.head != nil {
		if err := c.readDictionary(); err != nil {
			return err
		}
	}
	return c.pages.read(&c.on)
}

// readCodes reads the codes of the next n values, and makes sure that all are in
// the dictionary. Those of texts stand where they are to be at once.
func (c *cursor) readCodes(n int) error {
	if c.col.Codes != nil {
		c.codes = c.col.Codes[c.rows : c.rows+n]
	} else {
		c.pages.piece = slices.Grow(c.pages.piece[:0], c.batch)
		c.codes = c.pages.piece[:n]
	}
	if err := c.pages.codes.read(c.codes); err != nil {
		return err
	}
	most := uint32(0)
	for _, code := range c.codes {
		most = max(most, code)
	}
	if entries := c.entries(); n > 0 && int64(most) >= int64(entries) {
		return fmt.Errorf("it is damaged: a page refers to entry %d of a dictionary of %d", most, entries)
	}
	return nil
}

// entries is the size of the dictionary.
func (c *cursor) entries() int {
	if c.dict != nil {
		return c.dict.Len()
	}
	return len(c.ints) + len(c.floats) + len(c.decimals)
}

// readDictionary converts the row group's dictionary, once.
func (c *cursor) readDictionary() error {
	vals, err := c.pages.dictionary(c.head)
	if err != nil {
		return fmt.Errorf("dictionary: %w", err)
	}
	n := c.head.rows
	c.head, c.places = nil, c.places[:0]
	switch {
	case c.col.Codes != nil:
		// Its own memory: it lives as long as anyone holds the dictionary (E2).
		c.dict = &event.Dict{Offsets: make([]uint32, 1, n+1), Bytes: make([]byte, 0, max(len(vals.data)-int(vals.gap)*n, 0)+shortText)}
		addTexts(vals, n, c.dict)
	case c.col.Floats != nil:
		c.floats = wordsOf[float64](c.pages, &vals, n)
		floatsOf(vals, c.floats)
	case c.col.Decimals != nil:
		c.decimals = make([]event.Int128, n)
		c.places = decimalsOf(vals, c.col.Type, c.decimals, c.places)
	default:
		c.ints = wordsOf[int64](c.pages, &vals, n)
		c.places = intsOf(vals, c.ints, c.places)
	}
	if len(c.places) > 0 {
		c.wrong = make([]bool, n)
		for _, i := range c.places {
			c.wrong[i] = true
		}
	}
	return nil
}

// wordsOf is where a dictionary's n numbers are converted to: in place, if they are as
// wide as the column's own and stand in memory that lasts.
func wordsOf[T int64 | float64](p *pageReader, v *values, n int) []T {
	if p.codec == format.Uncompressed || v.leaf.width() != 8 {
		return make([]T, n)
	}
	return unsafecast.Slice[T](v.data)[:n]
}

// piece adds the next m rows of the page to the batch.
func (c *cursor) piece(m int) error {
	values, level := m, []byte(nil)
	if c.pages.level != nil {
		level = c.pages.level[c.row : c.row+m]
		if values = present(level); values == m {
			level = nil
		}
	}
	if c.on.coded {
		if err := c.readCodes(values); err != nil {
			return err
		}
	}
	c.places = c.places[:0]
	lo, hi := c.rows, c.rows+m
	switch {
	case c.col.Codes != nil:
		c.texts(c.col.Codes[lo : lo+values])
	case c.col.Floats != nil:
		c.floating(c.col.Floats[lo : lo+values])
	case c.col.Decimals != nil:
		c.decimal(c.col.Decimals[lo : lo+values])
	default:
		c.whole(c.col.Ints[lo : lo+values])
	}
	c.at += values
	c.row += m
	c.rows = hi
	if level != nil || c.any || len(c.places) > 0 {
		c.nulls(lo, hi, level, values)
	}
	return nil
}

// entry copies the entries of a dictionary that codes name.
func entry[T any](dst, dict []T, codes []uint32) {
	for i, code := range codes[:len(dst)] {
		dst[i] = dict[code]
	}
}

// mistaken notes which of n values are entries that the type cannot hold.
func (c *cursor) mistaken(n int) {
	if c.wrong == nil {
		return
	}
	for i, code := range c.codes[:n] {
		if c.wrong[code] {
			c.places = append(c.places, int32(i))
		}
	}
}

func (c *cursor) whole(dst []int64) {
	if !c.on.coded {
		c.places = intsOf(c.pages.values.from(c.at), dst, c.places)
		return
	}
	entry(dst, c.ints, c.codes)
	c.mistaken(len(dst))
}

func (c *cursor) floating(dst []float64) {
	if !c.on.coded {
		floatsOf(c.pages.values.from(c.at), dst)
		return
	}
	entry(dst, c.floats, c.codes)
}

func (c *cursor) decimal(dst []event.Int128) {
	if !c.on.coded {
		c.places = decimalsOf(c.pages.values.from(c.at), c.col.Type, dst, c.places)
		return
	}
	entry(dst, c.decimals, c.codes)
	c.mistaken(len(dst))
}

// newDict makes room for the texts of the batch, guessed from the page's.
func (c *cursor) newDict() *event.Dict {
	n := c.want - c.rows
	size := min(int64(c.on.size)*int64(n)/int64(c.on.rows), textMost)
	return &event.Dict{Offsets: make([]uint32, 1, n+1), Bytes: make([]byte, 0, size+shortText)}
}

func (c *cursor) texts(dst []uint32) {
	if c.on.coded {
		c.col.Dict = c.dict // The codes stand there already.
		return
	}
	if c.col.Dict == nil {
		// The batch's own memory: it lives as long as anyone holds the dictionary (E2).
		c.col.Dict = c.newDict()
	}
	first := uint32(c.col.Dict.Len())
	addTexts(c.pages.values.from(c.at), len(dst), c.col.Dict)
	for i := range dst {
		dst[i] = first + uint32(i)
	}
}

// nulls spreads the values of rows lo to hi-1, which stand together at lo, to the
// rows that have one, and marks the others.
func (c *cursor) nulls(lo, hi int, level []byte, values int) {
	if !c.any {
		clear(c.null[:lo])
		c.any = true
	}
	null := c.null[lo:hi]
	switch {
	case level == nil:
		clear(null)
	case c.col.Codes != nil:
		spread(c.col.Codes[lo:hi], null, level, values)
	case c.col.Floats != nil:
		spread(c.col.Floats[lo:hi], null, level, values)
	case c.col.Decimals != nil:
		spread(c.col.Decimals[lo:hi], null, level, values)
	default:
		spread(c.col.Ints[lo:hi], null, level, values)
	}
	c.outOfType(lo, null)
}

// spread moves the values at the front of dst to the rows that have one, from the
// back, so that none is overwritten before it was moved.
func spread[T any](dst []T, null []bool, level []byte, values int) {
	var zero T
	for i := len(dst) - 1; i >= 0; i-- {
		if null[i] = level[i] != 1; null[i] {
			dst[i] = zero
			continue
		}
		values--
		dst[i] = dst[values]
	}
}

// outOfType makes null what its type cannot hold. The places count values; here
// they become rows.
func (c *cursor) outOfType(lo int, null []bool) {
	c.bad += int64(len(c.places))
	value := int32(0)
	for i := 0; i < len(null) && len(c.places) > 0; i++ {
		if null[i] {
			continue
		}
		if value == c.places[0] {
			c.places = c.places[1:]
			null[i] = true
			c.zero(lo + i)
		}
		value++
	}
	c.places = c.places[:0]
}

func (c *cursor) zero(i int) {
	if c.col.Decimals != nil {
		c.col.Decimals[i] = event.Int128{}
	} else {
		c.col.Ints[i] = 0
	}
}
