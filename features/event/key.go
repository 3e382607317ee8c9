package event

import (
	"encoding/binary"

	"github.com/zeebo/xxh3"
)

// KeyGroups is how many groups keys fall into, for good: what belongs to a group, in
// files too, belongs to it on every machine.
const KeyGroups = 1 << keyGroupBits

const keyGroupBits = 10

// KeyGroup is the group of a key. Keys in order of their hashes are in order of their
// groups.
func KeyGroup(k Hash) int { return int(k.Hi >> (64 - keyGroupBits)) }

// Keys hashes the key that each of n rows has in the given columns, one, several
// or none, into dst. Rows with a null in any of them get the zero Hash and true
// in null, which is nil where no row has one. Equal values have equal hashes
// whatever file, width or scale they come from. The schema of a query and that of
// its events need not agree beyond that (S11.2). What has a null key is skipped
// or answered as unknown (S7.5, S11.5); the caller decides which.
func Keys(columns []Column, n int, dst []Hash) (keys []Hash, null []bool) {
	if keys = dst; cap(keys) < n {
		keys = make([]Hash, n)
	}
	keys = keys[:n]
	if len(columns) == 0 {
		clear(keys)
	}
	for i := range columns {
		c := &columns[i]
		if c.Null != nil || c.Type.Kind == Null {
			if null == nil {
				null = make([]bool, n)
			}
			for r := range null {
				null[r] = null[r] || c.IsNull(r)
			}
		}
		hashColumn(c, keys, i == 0)
	}
	for r, is := range null {
		if is {
			keys[r] = Hash{}
		}
	}
	return keys, null
}

// hashColumn sets, or joins to what stands there, the hash of each row. Texts go
// by the hashes of their dictionary, made once for each text and not once for
// each row.
func hashColumn(c *Column, keys []Hash, first bool) {
	if first {
		setHashes(c, keys)
		return
	}
	switch c.Type.Kind {
	case String, Bytes:
		hashes := c.Dict.Hashes()
		if len(hashes) == 0 {
			return // every row is null
		}
		for r, code := range c.Codes {
			keys[r] = join(keys[r], hashes[code])
		}
	case Decimal:
		for r, v := range c.Decimals {
			keys[r] = join(keys[r], hashDecimal(v, c.Type.Scale))
		}
	default:
		for r, v := range c.Ints {
			keys[r] = join(keys[r], HashInt(v))
		}
	}
}

// setHashes sets the hash of each row, whatever stands there: that of one column is a
// key's most often.
func setHashes(c *Column, keys []Hash) {
	set := 0
	switch c.Type.Kind {
	case String, Bytes:
		if hashes := c.Dict.Hashes(); len(hashes) > 0 {
			for r, code := range c.Codes[:len(keys)] {
				keys[r] = hashes[code]
			}
			set = len(keys)
		}
	case Decimal:
		for r, v := range c.Decimals[:len(keys)] {
			keys[r] = hashDecimal(v, c.Type.Scale)
		}
		set = len(keys)
	case Bool, Int, Date, Timestamp:
		for r, v := range c.Ints[:len(keys)] {
			keys[r] = HashInt(v)
		}
		set = len(keys)
	}
	clear(keys[set:]) // every row is null
}

// HashInt hashes an integer, a date, an instant or a boolean. The low word alone
// tells all integers apart. It multiplies by odd numbers and folds high bits
// down, steps of which each can be undone, so that no two integers meet in one
// word.
func HashInt(v int64) Hash {
	lo := uint64(v) * 0x9e3779b97f4a7c15
	lo ^= lo >> 32
	hi := (uint64(v) ^ hashSeed) * 0xff51afd7ed558ccd
	hi ^= hi >> 29
	return Hash{Hi: hi * 0xc4ceb9fe1a85ec53, Lo: lo}
}

// hashDecimal hashes by value: 1.50 is 1.5. Zeros at the end are taken off before
// hashing, as S11.2 matches decimals of any scale.
func hashDecimal(v Int128, scale int) Hash {
	for scale > 0 {
		q, ok := v.div10()
		if !ok {
			break
		}
		v, scale = q, scale-1
	}
	var b [17]byte
	binary.LittleEndian.PutUint64(b[:], v.Lo)
	binary.LittleEndian.PutUint64(b[8:], uint64(v.Hi))
	b[16] = byte(scale)
	return HashBytes(b[:])
}

// div10 returns a/10 and whether nothing is left over. The short way serves
// nearly all keys; the other is right and slow.
func (a Int128) div10() (Int128, bool) {
	if v, ok := a.Int64(); ok {
		return Int128Of(v / 10), v%10 == 0
	}
	q, r := a.Big(), pow10[1].Big()
	q.QuoRem(q, r, r)
	v, _ := Int128OfBig(q)
	return v, r.Sign() == 0
}

// join hashes two hashes into one, in order. Adding them up would give (a, b) and
// (b, a) one key.
func join(a, b Hash) Hash {
	var buf [32]byte
	binary.LittleEndian.PutUint64(buf[:], a.Hi)
	binary.LittleEndian.PutUint64(buf[8:], a.Lo)
	binary.LittleEndian.PutUint64(buf[16:], b.Hi)
	binary.LittleEndian.PutUint64(buf[24:], b.Lo)
	h := xxh3.Hash128Seed(buf[:], hashSeed)
	return Hash{h.Hi, h.Lo}
}
