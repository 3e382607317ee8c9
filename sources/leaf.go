package sources

import (
	"fmt"
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/format"
	"github.com/timeseam/timeseam/features/event"
)

// form is how the values of a column are stored.
type form uint8

const (
	formNone      form = iota // not readable
	formNull                  // no value at all
	formBool                  // bits
	formInt32                 // also dates
	formUint32                //
	formInt64                 //
	formUint64                //
	formInstant               // int64 in unit
	formInt96                 // nanoseconds of a Julian day
	formClock32               // int32, milliseconds since midnight
	formClock64               // int64 since midnight, in unit
	formHalf                  // two bytes
	formFloat                 //
	formDouble                //
	formDecimal32             //
	formDecimal64             //
	formDecimal               // big-endian bytes
	formText                  // bytes with their length
	formFixedText             // bytes of one length
	formUUID                  // sixteen bytes, written as text
)

// width is the bytes of a stored value; 0: they differ, or are bits.
func (l *leaf) width() int {
	switch l.physical {
	case format.Int32, format.Float:
		return 4
	case format.Int64, format.Double:
		return 8
	case format.Int96:
		return 12
	case format.FixedLenByteArray:
		return l.length
	}
	return 0
}

// physical is the stored type that each form needs.
var physical = [...]format.Type{
	formBool: format.Boolean, formInt32: format.Int32, formUint32: format.Int32, formInt64: format.Int64, formUint64: format.Int64,
	formInstant: format.Int64, formInt96: format.Int96, formClock32: format.Int32, formClock64: format.Int64, formHalf: format.FixedLenByteArray, formFloat: format.Float, formDouble: format.Double,
	formDecimal32: format.Int32, formDecimal64: format.Int64, formText: format.ByteArray, formFixedText: format.FixedLenByteArray, formUUID: format.FixedLenByteArray,
}

// leaf is what one column of one file holds, and as what it is read.
type leaf struct {
	form     form
	typ      event.Type
	unit     event.Unit  // formInstant, formClock64
	path     []string    // its name, and before it those of the structs that it is in
	most     int         // the level of a value: how many of the path may be null
	parent   bool        // a struct, of whose fields those that can be read are columns too
	physical format.Type // as which its values are stored
	length   int         // bytes of each, where they are of one length
	exact    bool        // NaN stays the one that it is
	index    int         // among the columns that hold values; -1: nested
	why      string      // why it cannot be read, to follow "column x "; empty: it can
	stored   string      // the type in Parquet's words
}

// leafOf says how to read the column that a schema element describes, which is in
// the struct in, or at the top if that is nil.
func leafOf(e *format.SchemaElement, in *leaf) leaf {
	l := leaf{index: -1, path: []string{e.Name}, physical: e.Type.V, length: int(e.TypeLength.V), stored: storedType(e)}
	if in != nil {
		l.path, l.most = append(slices.Clip(in.path), e.Name), in.most
	}
	if !e.RepetitionType.Valid || e.RepetitionType.V == format.Optional {
		l.most++
	}
	switch {
	case e.RepetitionType.Valid && e.RepetitionType.V == format.Repeated:
		l.why = "is a list, which features cannot read"
	case !e.Type.Valid:
		what := groupWord(e)
		l.parent = what == "a struct"
		l.why = "is " + what + ", which features cannot read"
	case e.LogicalType.Value != nil:
		l.logical(e)
	case e.ConvertedType.Valid:
		l.converted(e)
	default:
		l.plain(e)
	}
	if l.why == "" {
		l.check(e)
	}
	if l.why != "" {
		l.refuse(l.why)
	}
	return l
}

// refuse says why the column cannot be read, to follow "column x ".
func (l *leaf) refuse(why string) { l.form, l.typ, l.why = formNone, event.Type{}, why }

// name is what a field of a struct is called as a column: payload.amount.
func (l *leaf) name() string { return strings.Join(l.path, ".") }

func groupWord(e *format.SchemaElement) string {
	switch e.LogicalType.Value.(type) {
	case *format.ListType:
		return "a list"
	case *format.MapType:
		return "a map"
	case *format.VariantType:
		return "a variant"
	}
	if c := e.ConvertedType; c.Valid && c.V == deprecated.List {
		return "a list"
	} else if c.Valid && (c.V == deprecated.Map || c.V == deprecated.MapKeyValue) {
		return "a map"
	}
	return "a struct"
}

func (l *leaf) set(f form, k event.Kind) { l.form, l.typ = f, event.Of(k) }

// logical reads the annotation of today's writers.
func (l *leaf) logical(e *format.SchemaElement) {
	switch a := e.LogicalType.Value.(type) {
	case *format.StringType, *format.EnumType, *format.JsonType:
		l.set(formText, event.String)
	case *format.UUIDType:
		l.set(formUUID, event.String)
	case *format.IntType:
		l.integer(a.BitWidth == 64, a.IsSigned)
	case *format.DecimalType:
		l.decimal(e, int(a.Precision), int(a.Scale))
	case *format.DateType:
		l.set(formInt32, event.Date)
	case *format.TimestampType:
		l.timestamp(a.Unit.Value)
	case *format.TimeType:
		l.clock(a.Unit.Value)
	case *format.Float16Type:
		l.set(formHalf, event.Double)
	case *format.NullType:
		l.set(formNull, event.Null)
	case *format.BsonType, *format.GeometryType, *format.GeographyType:
		l.set(formText, event.Bytes)
	default:
		l.why = fmt.Sprintf("is of the Parquet type %s, which cannot be read yet", l.stored)
	}
}

// converted reads the annotation of writers before format 2.4.
func (l *leaf) converted(e *format.SchemaElement) {
	switch e.ConvertedType.V {
	case deprecated.UTF8, deprecated.Enum, deprecated.Json:
		l.set(formText, event.String)
	case deprecated.Bson:
		l.set(formText, event.Bytes)
	case deprecated.Decimal:
		l.decimal(e, int(e.Precision.V), int(e.Scale.V))
	case deprecated.Date:
		l.set(formInt32, event.Date)
	case deprecated.TimestampMillis:
		l.timestamp(&format.MilliSeconds{})
	case deprecated.TimestampMicros:
		l.timestamp(&format.MicroSeconds{})
	case deprecated.TimeMillis:
		l.clock(&format.MilliSeconds{})
	case deprecated.TimeMicros:
		l.clock(&format.MicroSeconds{})
	case deprecated.Int8, deprecated.Int16, deprecated.Int32:
		l.integer(false, true)
	case deprecated.Int64:
		l.integer(true, true)
	case deprecated.Uint8, deprecated.Uint16, deprecated.Uint32:
		l.integer(false, false)
	case deprecated.Uint64:
		l.integer(true, false)
	default:
		l.why = fmt.Sprintf("is of the Parquet type %s, which cannot be read yet", l.stored)
	}
}

func (l *leaf) plain(e *format.SchemaElement) {
	switch e.Type.V {
	case format.Boolean:
		l.set(formBool, event.Bool)
	case format.Int32:
		l.set(formInt32, event.Int)
	case format.Int64:
		l.set(formInt64, event.Int)
	case format.Int96:
		l.set(formInt96, event.Timestamp)
	case format.Float:
		l.set(formFloat, event.Double)
	case format.Double:
		l.set(formDouble, event.Double)
	case format.ByteArray:
		l.set(formText, event.Bytes)
	case format.FixedLenByteArray:
		l.set(formFixedText, event.Bytes)
	default:
		l.why = "is of a Parquet type that is not known"
	}
}

func (l *leaf) integer(wide, signed bool) {
	switch {
	case wide && signed:
		l.set(formInt64, event.Int)
	case wide:
		l.set(formUint64, event.Int)
	case signed:
		l.set(formInt32, event.Int)
	default:
		l.set(formUint32, event.Int)
	}
}

func (l *leaf) timestamp(unit format.TimeUnitValue) {
	l.set(formInstant, event.Timestamp)
	switch unit.(type) {
	case *format.MilliSeconds:
		l.unit = event.Millisecond
	case *format.MicroSeconds:
		l.unit = event.Microsecond
	case *format.NanoSeconds:
		l.unit = event.Nanosecond
	default:
		l.why = "is a timestamp of an unknown unit"
	}
}

// clock reads a time of day as microseconds since midnight.
func (l *leaf) clock(unit format.TimeUnitValue) {
	l.set(formClock64, event.Int)
	switch unit.(type) {
	case *format.MilliSeconds:
		l.set(formClock32, event.Int)
	case *format.MicroSeconds:
		l.unit = event.Microsecond
	case *format.NanoSeconds:
		l.unit = event.Nanosecond
	default:
		l.why = "is a time of day of an unknown unit"
	}
}

// timeOfDay reports whether the column's numbers are times of day.
func (l *leaf) timeOfDay() bool { return l.form == formClock32 || l.form == formClock64 }

func (l *leaf) decimal(e *format.SchemaElement, precision, scale int) {
	switch {
	case precision < 1 || scale < 0 || scale > precision:
		l.why = fmt.Sprintf("is decimal(%d,%d), which is no decimal type", precision, scale)
		return
	case precision > 38:
		l.why = fmt.Sprintf("is decimal(%d,%d); decimals have up to 38 digits", precision, scale)
		return
	}
	l.typ = event.DecimalOf(precision, scale)
	switch e.Type.V {
	case format.Int32:
		l.form = formDecimal32
	case format.Int64:
		l.form = formDecimal64
	case format.ByteArray, format.FixedLenByteArray:
		l.form = formDecimal
	default:
		l.why = "is a decimal that is stored as " + e.Type.V.String()
	}
}

// check refuses annotations that do not fit what is stored.
func (l *leaf) check(e *format.SchemaElement) {
	fits := l.form == formNull || l.form == formDecimal || physical[l.form] == e.Type.V
	if l.form == formInstant && e.Type.V == format.Int96 {
		fits = false
	}
	switch {
	case !fits:
		l.why = fmt.Sprintf("is damaged: its values are %s and it says that they are %s", e.Type.V, l.stored)
	case e.Type.V == format.FixedLenByteArray && (!e.TypeLength.Valid || e.TypeLength.V < 1):
		l.why = "is damaged: its values have no length"
	case l.form == formHalf && e.TypeLength.V != 2, l.form == formUUID && e.TypeLength.V != 16:
		l.why = fmt.Sprintf("is damaged: values of %s do not have %d bytes", l.stored, e.TypeLength.V)
	}
}

// storedType is the type as Parquet's own tools write it.
func storedType(e *format.SchemaElement) string {
	switch {
	case e.LogicalType.Value != nil:
		return e.LogicalType.Value.String()
	case e.ConvertedType.Valid && e.ConvertedType.V == deprecated.Decimal:
		return fmt.Sprintf("DECIMAL(%d,%d)", e.Precision.V, e.Scale.V)
	case e.ConvertedType.Valid:
		return convertedName(e.ConvertedType.V)
	case !e.Type.Valid:
		return "GROUP"
	case e.Type.V == format.FixedLenByteArray:
		return fmt.Sprintf("FIXED_LEN_BYTE_ARRAY(%d)", e.TypeLength.V)
	}
	return e.Type.V.String()
}

func convertedName(c deprecated.ConvertedType) string {
	names := [...]string{"UTF8", "MAP", "MAP_KEY_VALUE", "LIST", "ENUM", "DECIMAL", "DATE", "TIME_MILLIS", "TIME_MICROS", "TIMESTAMP_MILLIS", "TIMESTAMP_MICROS",
		"UINT_8", "UINT_16", "UINT_32", "UINT_64", "INT_8", "INT_16", "INT_32", "INT_64", "JSON", "BSON", "INTERVAL"}
	if c >= 0 && int(c) < len(names) {
		return names[c]
	}
	return fmt.Sprintf("CONVERTED_TYPE(%d)", c)
}
