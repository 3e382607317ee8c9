package sink

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
)

// format is one of the forms that a training set can have.
type format struct {
	name    string
	endings []string // of file names; new files have the first
	takes   []string // compressions; the first where nothing is said
	// suffixed: a compressed file says so in its name, and only there.
	suffixed bool
	open     func(l *layout, compression string) (opener, error)
}

// opener begins a file that is written to w.
type opener func(w io.Writer) (encoder, error)

var formats = []format{
	{name: "parquet", endings: []string{".parquet"}, takes: []string{"snappy", "zstd", "gzip", "lz4", "none"}, open: parquetOpener},
	{name: "arrow", endings: []string{".arrow", ".feather", ".ipc"}, takes: []string{"none", "zstd", "lz4"}, open: arrowOpener},
	{name: "csv", endings: []string{".csv"}, takes: []string{"none", "gzip", "zstd"}, suffixed: true, open: rowOpener(newCSV)},
	{name: "jsonl", endings: []string{".jsonl", ".ndjson"}, takes: []string{"none", "gzip", "zstd"}, suffixed: true, open: rowOpener(newJSONLines)},
	{name: "tfrecord", endings: []string{".tfrecord"}, takes: []string{"none", "gzip"}, suffixed: true, open: rowOpener(newExamples)},
}

// compressedEndings say how a file is compressed whose format does not.
var compressedEndings = map[string]string{"gzip": ".gz", "zstd": ".zst"}

func rowOpener(make func(*arrow.Schema) (rowFormat, error)) func(*layout, string) (opener, error) {
	return func(l *layout, compression string) (opener, error) {
		rows, err := make(l.stored)
		if err != nil {
			return nil, err
		}
		space, err := newRowSpace(rows, compression)
		if err != nil {
			return nil, err
		}
		return space.open, nil
	}
}

// Formats is the names of all formats.
func Formats() []string {
	var names []string
	for _, f := range formats {
		names = append(names, f.name)
	}
	return names
}

// endingsText lists what a file may end with.
func endingsText() string {
	var all []string
	for _, f := range formats {
		all = append(all, "*"+f.endings[0])
		for _, c := range f.takes {
			if f.suffixed && c != "none" {
				all = append(all, "*"+f.endings[0]+compressedEndings[c])
			}
		}
	}
	return strings.Join(all, ", ")
}

// formatNamed finds a format by its name.
func formatNamed(name string) (*format, error) {
	for i := range formats {
		if formats[i].name == name {
			return &formats[i], nil
		}
	}
	return nil, fmt.Errorf("--format %s; there are %s", name, strings.Join(Formats(), ", "))
}

// formatOf tells the format and the compression of a file from its name; nil: it
// says none.
func formatOf(path string) (f *format, compression string) {
	ending := filepath.Ext(path)
	for c, e := range compressedEndings {
		if ending == e {
			compression, ending = c, filepath.Ext(strings.TrimSuffix(path, e))
		}
	}
	for i := range formats {
		if f = &formats[i]; !slices.Contains(f.endings, ending) {
			continue
		}
		if compression == "" || f.suffixed && slices.Contains(f.takes, compression) {
			return f, compression
		}
	}
	return nil, ""
}

// ending is how the names of new files end.
func (f *format) ending(compression string) string {
	if f.suffixed {
		return f.endings[0] + compressedEndings[compression]
	}
	return f.endings[0]
}

// compression chooses among what a flag says and what the name of the file says.
func (f *format) compression(said, named string, file bool) (string, error) {
	switch {
	case said != "" && !slices.Contains(f.takes, said):
		return "", fmt.Errorf("--compression %s; %s files take %s", said, f.title(), strings.Join(f.takes, ", "))
	case file && f.suffixed && said != "" && said != "none" && named == "":
		return "", fmt.Errorf("--compression %s; a compressed %s file says so in its name: name it *%s", said, f.title(), f.ending(said))
	case named != "" && said != "" && said != named:
		return "", fmt.Errorf("--compression %s, and the name of the output says %s; leave one out", said, named)
	case said == "" && named == "":
		return f.takes[0], nil
	case said == "":
		return named, nil
	}
	return said, nil
}

// title is the format's name as sentences have it.
func (f *format) title() string {
	switch f.name {
	case "parquet":
		return "Parquet"
	case "arrow":
		return "Arrow"
	case "csv":
		return "CSV"
	case "jsonl":
		return "JSON lines"
	}
	return "TFRecord"
}
