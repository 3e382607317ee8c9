package features

import (
	"strings"
	"testing"
)

func TestParseDuration(t *testing.T) {
	for _, c := range []struct {
		text string
		want int64
		err  string // a part of the error; "": none
	}{
		{"1us", 1, ""},
		{"250ms", 250_000, ""},
		{"30s", 30_000_000, ""},
		{"60m", 3_600_000_000, ""},
		{"1h", 3_600_000_000, ""},
		{"30d", 2_592_000_000_000, ""},
		{"0s", 0, ""},
		{"106751991d", 106751991 * 86_400_000_000, ""},
		{"9223372036854775807us", 9223372036854775807, ""},
		{"9223372036854775808us", 0, "the longest is"},
		{"9223372036854776ms", 0, "the longest is"},
		{"106751992d", 0, "the longest is"},
		{"99999999999999999999999999d", 0, "the longest is"},
		{"", 0, "write a whole number"},
		{"d", 0, "write a whole number"},
		{"30", 0, "such as 30d"},
		{"2w", 0, "write 14d"},
		{"5 min", 0, "write a whole number"},
		{"5min", 0, "write 5m"},
		{"2hours", 0, "write 2h"},
		{"1days", 0, "write 1d"},
		{"90seconds", 0, "write 90s"},
		{"-1h", 0, "write a whole number"},
		{"+1h", 0, "write a whole number"},
		{"01h", 0, "write a whole number"},
		{"1.5h", 0, "write a whole number"},
		{"1H", 0, "write a whole number"},
		{"1h30m", 0, "write a whole number"},
		{"１h", 0, "write a whole number"},
	} {
		got, err := ParseDuration(c.text)
		switch {
		case got != c.want:
			t.Errorf("%q: got %d, want %d", c.text, got, c.want)
		case (err == nil) != (c.err == ""), err != nil && !strings.Contains(err.Error(), c.err):
			t.Errorf("%q: got error %v, want %q", c.text, err, c.err)
		}
	}
}

func FuzzParseDuration(f *testing.F) {
	for _, s := range []string{"30d", "0us", "-1h", "106751992d", "1w"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if v, err := ParseDuration(s); v < 0 || err != nil && v != 0 {
			t.Errorf("%q: got %d, %v", s, v, err)
		}
	})
}
