package cutover

import (
	"slices"
	"testing"
)

func TestParseName(t *testing.T) {
	for name, want := range map[string]Named{
		"transactions+3+0000041200.parquet": {"transactions", 3, 41200},
		"a+b+0+7.snappy.parquet":            {"a+b", 0, 7},
		"t+0+0000000000.json.gz":            {"t", 0, 0},
	} {
		if got, ok := ParseName(name); !ok || got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	for _, name := range []string{"part-0.parquet", "t+0.parquet", "+0+1.parquet", "t+x+1.parquet", "t+0+1", "t+-1+1.parquet", "t+0+-1.parquet", "t++1.parquet", "t+0+.parquet", "t+9999999999+1.parquet", "t+0+99999999999999999999.parquet"} {
		if got, ok := ParseName(name); ok {
			t.Errorf("%s is taken for %v", name, got)
		}
	}
}

// TestNextByName holds that the last file of each partition is left out: its end is
// not known.
func TestNextByName(t *testing.T) {
	files := []string{"t+0+0.parquet", "t+0+100.parquet", "t+1+0.parquet"}
	next, leave, err := NextByName("t", files)
	if err != nil || next[0] != 100 || next[1] != 0 || !slices.Equal(leave, []bool{false, true, true}) {
		t.Errorf("%v, %v, %v", next, leave, err)
	}
	if next, _, err := NextByName("t", append(files, "part-0.parquet")); next != nil || err != nil {
		t.Errorf("a file without a name tells offsets: %v, %v", next, err)
	}
	if _, _, err := NextByName("u", files); err == nil {
		t.Error("files of another topic are no error")
	}
}

func FuzzParseName(f *testing.F) {
	f.Add("transactions+3+0000041200.parquet")
	f.Fuzz(func(t *testing.T, name string) {
		if n, ok := ParseName(name); ok && (n.Topic == "" || n.Partition < 0 || n.Start < 0) {
			t.Errorf("%q is %v", name, n)
		}
	})
}
