package sources

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

func decimalElement(precision, scale int32) *format.SchemaElement {
	return &format.SchemaElement{Name: "d", Type: thrift.New(format.ByteArray), ConvertedType: thrift.New(deprecated.Decimal), Precision: thrift.New(precision), Scale: thrift.New(scale)}
}

// TestThrift passes the footers of all writers, and nothing that is cut off.
func TestThrift(t *testing.T) {
	files, err := filepath.Glob("testdata/*.parquet")
	if err != nil || len(files) < 20 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		b := must(os.ReadFile(f))
		n := int(binary.LittleEndian.Uint32(b[len(b)-8:]))
		footer := b[len(b)-8-n : len(b)-8]
		if size, err := thriftSize(footer); err != nil || size != n {
			t.Errorf("%s: %d of %d bytes (%v)", f, size, n, err)
		}
		if err := checkFooter(footer); err != nil {
			t.Errorf("%s: %v", f, err)
		}
		for k := range n {
			if _, err := thriftSize(footer[:k]); err == nil {
				t.Errorf("%s: %d bytes of %d are taken for a whole", f, k, n)
			}
		}
	}
}

func TestThriftClaims(t *testing.T) {
	for name, b := range map[string]string{
		"a list of 2^31 structs":   "\x19\xfc\xff\xff\xff\xff\x07\x00",
		"a text of 2^31 bytes":     "\x18\xff\xff\xff\xff\x07ab\x00",
		"a map of 2^31":            "\x1b\xff\xff\xff\xff\x07\x88ab\x00",
		"a number without end":     "\x16\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00",
		"an unknown type":          "\x1f\x00",
		"a double that is cut off": "\x17ab",
		"structs within structs":   strings.Repeat("\x1c", 100) + strings.Repeat("\x00", 101),
		"lists within lists":       "\x19" + strings.Repeat("\x19", 100) + "\x00",
		"nothing":                  "",
	} {
		if n, err := thriftSize([]byte(b)); err == nil {
			t.Errorf("%s: taken, %d bytes", name, n)
		}
	}
}

// TestDeepSchema refuses columns that are nested without end.
func TestDeepSchema(t *testing.T) {
	deep := func(n int) []byte {
		meta := format.FileMetaData{Schema: make(thrift.Slice[format.SchemaElement], n+1)}
		for i := range meta.Schema {
			meta.Schema[i] = format.SchemaElement{Name: "g", NumChildren: thrift.New(int32(1))}
		}
		meta.Schema[n] = format.SchemaElement{Name: "v", Type: thrift.New(format.Int32)}
		return must(thrift.Marshal(new(thrift.CompactProtocol), &meta))
	}
	if err := checkFooter(deep(10)); err != nil {
		t.Error(err)
	}
	if err := checkFooter(deep(1000)); err == nil || !strings.Contains(err.Error(), "nested more than") {
		t.Errorf("1000 deep: %v", err)
	}
}
