package sink

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// examples puts rows as TFRecords, each a tf.train.Example. It has three kinds of
// lists and no null: a feature that is null is not there.
type examples struct {
	misfit
	features []feature
	list     []byte
	example  []byte
}

// feature is one named list of every row.
type feature struct {
	name string
	tag  byte                              // of its list in the message Feature
	span func(i int) (lo, hi int, ok bool) // the values of row i; not ok: it is null
	null func(k int) bool
	one  bool                           // a value a row, where null means that the feature is not there
	put  func(dst []byte, k int) []byte // value k as it stands in a list
}

// The fields of the messages, with how they are put: example.proto and feature.proto
// of TensorFlow.
const (
	tagFeatures  = 1<<3 | 2 // Example.features
	tagEntry     = 1<<3 | 2 // Features.feature, a map
	tagKey       = 1<<3 | 2
	tagFeature   = 2<<3 | 2
	tagBytesList = 1<<3 | 2
	tagFloatList = 2<<3 | 2
	tagInt64List = 3<<3 | 2
	tagValue     = 1<<3 | 2 // of every list; numbers are packed
)

func newExamples(schema *arrow.Schema) (rowFormat, error) {
	at := map[string]string{}
	for _, field := range schema.Fields() {
		names, err := featureNames(field.Name, field.Type, false)
		if err != nil {
			return nil, fmt.Errorf("column %s is %s, which a tf.train.Example cannot hold: %w; leave it out, or write Parquet or Arrow", field.Name, field.Type, err)
		}
		for _, n := range names {
			if before, twice := at[n]; twice {
				return nil, fmt.Errorf("columns %s and %s both give the feature %s of a tf.train.Example; rename one", before, field.Name, n)
			}
			at[n] = field.Name
		}
	}
	return &examples{}, nil
}

// featureNames is what features a column of type t becomes. A field of a struct
// is a feature of its own, and so are the keys and the values of a map.
func featureNames(name string, t arrow.DataType, listed bool) ([]string, error) {
	switch t := t.(type) {
	case *arrow.StructType:
		var names []string
		for _, f := range t.Fields() {
			inner, err := featureNames(name+"."+f.Name, f.Type, listed)
			if err != nil {
				return nil, err
			}
			names = append(names, inner...)
		}
		return names, nil
	case arrow.ListLikeType:
		if listed {
			return nil, fmt.Errorf("it is a list of lists")
		}
		return featureNames(name, t.Elem(), true)
	case arrow.ExtensionType:
		return featureNames(name, t.StorageType(), listed)
	}
	if strings.Contains(t.Name(), "interval") || strings.Contains(t.Name(), "union") {
		return nil, fmt.Errorf("it has no list for such values")
	}
	return []string{name}, nil
}

// rounds reports whether values of t lose digits as a tf.train.Example has them.
func rounds(t arrow.DataType) bool {
	switch t := t.(type) {
	case *arrow.StructType:
		for _, f := range t.Fields() {
			if rounds(f.Type) {
				return true
			}
		}
	case arrow.ListLikeType:
		return rounds(t.Elem())
	}
	return t.ID() == arrow.FLOAT64 || decimalType(t)
}

func (f *examples) head() []byte   { return nil }
func (f *examples) failure() error { return f.err }

func (f *examples) bind(rec arrow.RecordBatch) {
	f.features = f.features[:0]
	for i, c := range rec.Columns() {
		f.column(feature{name: rec.ColumnName(i), one: true, span: func(i int) (int, int, bool) { return i, i + 1, !c.IsNull(i) }}, c)
	}
}

// column adds the features of arr, of which at says which values a row has.
func (f *examples) column(at feature, arr arrow.Array) {
	switch a := arr.(type) {
	case *array.Struct:
		t := a.DataType().(*arrow.StructType)
		for n := range a.NumField() {
			inner := at
			inner.name += "." + t.Field(n).Name
			f.column(inner, a.Field(n))
		}
	case array.ListLike:
		inner, outer := at, at.span
		inner.one = false
		inner.span = func(i int) (int, int, bool) {
			row, _, ok := outer(i)
			if !ok || a.IsNull(row) {
				return 0, 0, false
			}
			lo, hi := a.ValueOffsets(row)
			return int(lo), int(hi), true
		}
		f.column(inner, a.ListValues())
	case array.ExtensionArray:
		f.column(at, a.Storage())
	default:
		at.null = a.IsNull
		at.tag, at.put = f.values(at.name, arr)
		f.features = append(f.features, at)
	}
}

// values says in which list the values of arr stand, and puts them there.
func (f *examples) values(name string, arr arrow.Array) (byte, func([]byte, int) []byte) {
	if v := wholes(arr); v != nil {
		return tagInt64List, func(dst []byte, k int) []byte { return binary.AppendUvarint(dst, uint64(v(k))) }
	}
	if a, ok := arr.(*array.Uint64); ok {
		return tagInt64List, func(dst []byte, k int) []byte {
			if a.Value(k) > math.MaxInt64 {
				f.note(name, "holds %d, which an Int64List cannot; leave it out, or write Parquet or Arrow", a.Value(k))
			}
			return binary.AppendUvarint(dst, a.Value(k))
		}
	}
	if v := fractions(arr); v != nil {
		return tagFloatList, func(dst []byte, k int) []byte {
			wide := v(k)
			narrow := float32(wide)
			if math.IsInf(float64(narrow), 0) && !math.IsInf(wide, 0) {
				f.note(name, "holds %g, which is beyond the float32 of a FloatList; leave it out, or write Parquet or Arrow", wide)
			}
			return binary.LittleEndian.AppendUint32(dst, math.Float32bits(narrow))
		}
	}
	var text func(k int) []byte
	switch a := arr.(type) {
	case array.StringLike:
		text = func(k int) []byte { return []byte(a.Value(k)) }
	case array.BinaryLike:
		text = func(k int) []byte { return binaryAt(a, k) }
	case *array.FixedSizeBinary:
		text = a.Value
	default:
		text = func(k int) []byte { return []byte(arr.ValueStr(k)) }
	}
	return tagBytesList, func(dst []byte, k int) []byte { return appendMessage(dst, tagValue, text(k)) }
}

func wholesOf[T number](v []T) func(int) int64 {
	return func(k int) int64 { return int64(v[k]) }
}

// wholes reads whole numbers, truths, days and times, these in the unit of their
// column; nil: arr has none.
func wholes(arr arrow.Array) func(int) int64 {
	switch a := arr.(type) {
	case *array.Boolean:
		return func(k int) int64 {
			if a.Value(k) {
				return 1
			}
			return 0
		}
	case *array.Int64:
		return wholesOf(a.Int64Values())
	case *array.Int32:
		return wholesOf(a.Int32Values())
	case *array.Int16:
		return wholesOf(a.Int16Values())
	case *array.Int8:
		return wholesOf(a.Int8Values())
	case *array.Uint32:
		return wholesOf(a.Uint32Values())
	case *array.Uint16:
		return wholesOf(a.Uint16Values())
	case *array.Uint8:
		return wholesOf(a.Uint8Values())
	case *array.Date32:
		return wholesOf(a.Date32Values())
	case *array.Date64:
		return wholesOf(a.Date64Values())
	case *array.Time32:
		return wholesOf(a.Time32Values())
	case *array.Time64:
		return wholesOf(a.Time64Values())
	case *array.Timestamp:
		return wholesOf(a.TimestampValues())
	case *array.Duration:
		return wholesOf(a.DurationValues())
	}
	return nil
}

// fractions reads what becomes a float32; nil: arr has none.
func fractions(arr arrow.Array) func(int) float64 {
	switch a := arr.(type) {
	case *array.Float64:
		return a.Value
	case *array.Float32:
		return func(k int) float64 { return float64(a.Value(k)) }
	case *array.Float16:
		return func(k int) float64 { return float64(a.Value(k).Float32()) }
	case *array.Decimal32:
		scale := a.DataType().(arrow.DecimalType).GetScale()
		return func(k int) float64 { return a.Value(k).ToFloat64(scale) }
	case *array.Decimal64:
		scale := a.DataType().(arrow.DecimalType).GetScale()
		return func(k int) float64 { return a.Value(k).ToFloat64(scale) }
	case *array.Decimal128:
		scale := a.DataType().(arrow.DecimalType).GetScale()
		return func(k int) float64 { return a.Value(k).ToFloat64(scale) }
	case *array.Decimal256:
		scale := a.DataType().(arrow.DecimalType).GetScale()
		return func(k int) float64 { return a.Value(k).ToFloat64(scale) }
	}
	return nil
}

// castagnoli is the polynomial of the checksums around a TFRecord.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// row puts one TFRecord: the length of the Example, the Example, and a checksum of
// each.
func (f *examples) row(dst []byte, i int) []byte {
	f.example = f.example[:0]
	for n := range f.features {
		f.feature(&f.features[n], i)
	}
	start := len(dst)
	size := 1 + uvarintLen(len(f.example)) + len(f.example)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(size))
	dst = binary.LittleEndian.AppendUint32(dst, masked(dst[start:]))
	start = len(dst)
	dst = appendMessage(dst, tagFeatures, f.example)
	return binary.LittleEndian.AppendUint32(dst, masked(dst[start:]))
}

// feature adds one feature of row i to the example, unless it is null.
func (f *examples) feature(x *feature, i int) {
	lo, hi, ok := x.span(i)
	if !ok || x.one && x.null(lo) {
		return
	}
	f.list = f.list[:0]
	for k := lo; k < hi; k++ {
		if x.null(k) {
			f.note(x.name, "has a null within a list or map, which a tf.train.Example cannot hold; coalesce it, leave the column out, or write Parquet or Arrow")
			return
		}
		f.list = x.put(f.list, k)
	}
	list := len(f.list)
	packed := x.tag != tagBytesList && list > 0
	if packed {
		list += 1 + uvarintLen(list)
	}
	inner := 1 + uvarintLen(list) + list
	entry := 1 + uvarintLen(len(x.name)) + len(x.name) + 1 + uvarintLen(inner) + inner
	dst := binary.AppendUvarint(append(f.example, tagEntry), uint64(entry))
	dst = append(binary.AppendUvarint(append(dst, tagKey), uint64(len(x.name))), x.name...)
	dst = binary.AppendUvarint(append(dst, tagFeature), uint64(inner))
	dst = binary.AppendUvarint(append(dst, x.tag), uint64(list))
	if packed {
		dst = binary.AppendUvarint(append(dst, tagValue), uint64(len(f.list)))
	}
	f.example = append(dst, f.list...)
}

func appendMessage(dst []byte, tag byte, m []byte) []byte {
	return append(binary.AppendUvarint(append(dst, tag), uint64(len(m))), m...)
}

// uvarintLen is how many bytes a length takes.
func uvarintLen(n int) int {
	size := 1
	for ; n >= 0x80; n >>= 7 {
		size++
	}
	return size
}

// masked is a checksum as TFRecords have it: turned and moved, so that one over
// bytes with a checksum in them is still a good one.
func masked(b []byte) uint32 {
	c := crc32.Checksum(b, castagnoli)
	return (c>>15 | c<<17) + 0xa282ead8
}
