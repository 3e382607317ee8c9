package sources

import (
	"bytes"
	"fmt"

	"github.com/timeseam/timeseam/payload"
)

// csvReader cuts a file into records and fields (RFC 4180). A quote opens a field
// only as its first byte, and within such a field two stand for one; elsewhere it
// is a byte like any other. Between quotes everything stands as it is.
type csvReader struct {
	*lineReader
	delimiter, quote byte
	fields           []csvField
	unescaped        []byte // of the fields with a doubled quote
	lines            int64  // of the record that was read last
}

// csvField is one field of a record. A quoted field is never null.
type csvField struct {
	text   []byte
	quoted bool
}

// record reads the next record that is no empty line into fields, or returns
// io.EOF. It stands at line, and is valid until the next call.
func (c *csvReader) record() error {
	c.line += c.lines
	c.lines = 0
	for {
		line, size, err := c.peek()
		switch {
		case err != nil:
			return err
		case len(line) > 0:
			c.lines = 1
			if bytes.IndexByte(line, c.quote) >= 0 {
				return c.quoted()
			}
			c.take(size)
			c.plain(line)
			return nil
		}
		c.take(size)
		c.line++
	}
}

// plain cuts a line without any quote.
func (c *csvReader) plain(line []byte) {
	c.fields = c.fields[:0]
	for {
		i := bytes.IndexByte(line, c.delimiter)
		if i < 0 {
			c.fields = append(c.fields, csvField{text: line})
			return
		}
		c.fields = append(c.fields, csvField{text: line[:i]})
		line = line[i+1:]
	}
}

// quoted cuts a record that may go over several lines. Where it does not end in
// what is at hand, more is read and the record begun again: what is at hand
// doubles, so that this costs no more than twice the record.
func (c *csvReader) quoted() error {
	for {
		size, err := c.tryQuoted(c.rest())
		if err != nil {
			return err
		}
		if size > 0 {
			c.lines = int64(bytes.Count(c.rest()[:size], []byte{'\n'}))
			c.take(size)
			return nil
		}
		all := c.eof
		if _, err := c.more(); err != nil {
			return err
		}
		if all {
			return fmt.Errorf("line %d: a quote is opened and never closed", c.line)
		}
	}
}

// tryQuoted cuts the record that data begins with and returns its size; 0: it
// does not end in data.
func (c *csvReader) tryQuoted(data []byte) (size int, err error) {
	c.fields, c.unescaped = c.fields[:0], c.unescaped[:0]
	for at := 0; ; {
		field, n, err := c.field(data[at:])
		if n == 0 || err != nil {
			return 0, err
		}
		c.fields = append(c.fields, field)
		at += n
		if data[at-1] != c.delimiter {
			return at, nil
		}
		if at == len(data) {
			if !c.eof {
				return 0, nil
			}
			c.fields = append(c.fields, csvField{})
			return at, nil
		}
	}
}

// field cuts the field that data begins with and returns its size with what ends
// it; 0: it does not end in data. At the end of the file nothing ends it.
func (c *csvReader) field(data []byte) (f csvField, size int, err error) {
	if data[0] == c.quote {
		return c.quotedField(data)
	}
	i := 0
	for i < len(data) && data[i] != c.delimiter && data[i] != '\n' {
		i++
	}
	switch {
	case i == len(data) && !c.eof:
		return f, 0, nil
	case i == len(data):
		return csvField{text: withoutCR(data)}, len(data), nil
	case data[i] == '\n':
		return csvField{text: withoutCR(data[:i])}, i + 1, nil
	}
	return csvField{text: data[:i]}, i + 1, nil
}

// quotedField is field for one that begins with a quote.
func (c *csvReader) quotedField(data []byte) (f csvField, size int, err error) {
	f.quoted = true
	doubled := false
	for at := 1; ; {
		i := bytes.IndexByte(data[at:], c.quote)
		if i < 0 {
			return f, 0, nil
		}
		at += i + 1
		if at < len(data) && data[at] == c.quote {
			doubled = true
			at++
			continue
		}
		f.text = data[1 : at-1]
		if doubled {
			f.text = c.unescape(f.text)
		}
		after := data[at:]
		switch {
		case len(after) > 0 && (after[0] == c.delimiter || after[0] == '\n'):
			return f, at + 1, nil
		case len(after) > 1 && after[0] == '\r' && after[1] == '\n':
			return f, at + 2, nil
		case c.eof && (len(after) == 0 || string(after) == "\r"):
			return f, len(data), nil
		case !c.eof && len(after) < 2:
			return f, 0, nil
		}
		line := c.line + int64(bytes.Count(c.rest()[:len(c.rest())-len(after)], []byte{'\n'}))
		return f, 0, fmt.Errorf("line %d: a quoted field ends and %s follows, where a %q or the end of the line should; a quote within quotes is written twice", line, payload.Ticked(after), c.delimiter)
	}
}

// unescape makes one quote of each two.
func (c *csvReader) unescape(text []byte) []byte {
	from := len(c.unescaped)
	for i := 0; i < len(text); i++ {
		c.unescaped = append(c.unescaped, text[i])
		if text[i] == c.quote {
			i++
		}
	}
	return c.unescaped[from:len(c.unescaped):len(c.unescaped)]
}
