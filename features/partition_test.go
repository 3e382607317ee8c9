package features

import (
	"fmt"
	"strings"
	"testing"

	"github.com/timeseam/timeseam/features/event"
)

// shopInFolders compiles the shop, its payments lying in folders.
func shopInFolders(t *testing.T, source string) *Plan {
	t.Helper()
	cat := shopCatalog()
	cat.Histories["tx"] = append(cat.Histories["tx"], event.Field{Name: "came", Type: event.Of(event.Timestamp)}, event.Field{Name: "on_day", Type: event.Of(event.Date)})
	p, wrong := compileShop(t, strings.ReplaceAll(source, "; ", "\n    "), "s: sum(price)", "x: at", cat)
	if wrong != "" {
		t.Fatal(wrong)
	}
	return p
}

// TestFoldersAreNoMeaning: where rows lie, and how complete they are, is no part of
// the digest (S13.1), whatever is read to check it.
func TestFoldersAreNoMeaning(t *testing.T) {
	plain := shopInFolders(t, "arrival_timestamp: came")
	byArrival := shopInFolders(t, "arrival_timestamp: came; lateness: 1d; partitioned_by: {dt: came}; holes: accepted; cutover: {complete: _SUCCESS}")
	if plain.Digest() != byArrival.Digest() {
		t.Errorf("digests %s and %s", plain.Digest(), byArrival.Digest())
	}
	if plain.Inputs[0].Columns.Index("came") >= 0 || byArrival.Inputs[0].Columns.Index("came") < 0 {
		t.Errorf("read are %v and %v", plain.Inputs[0].Columns, byArrival.Inputs[0].Columns)
	}
}

// TestAstray holds which rows belong into a folder: to the microsecond at both
// ends, with both ends of a lateness, and nulls.
func TestAstray(t *testing.T) {
	const day = 86_400_000_000
	folder := event.Span{From: 10 * day, To: 11 * day}
	null := int64(-1)
	byArrival := "arrival_timestamp: came; lateness: 1d; partitioned_by: {dt: came}"
	for _, c := range []struct {
		name, source string
		at, came     int64
		want         string // "" if it belongs there
	}{
		{"the first instant", "partitioned_by: {dt: at_time}", 10 * day, null, ""},
		{"the last instant", "partitioned_by: {dt: at_time}", 11*day - 1, null, ""},
		{"just before", "partitioned_by: {dt: at_time}", 10*day - 1, null, "at_time is 1970-01-10T23:59:59.999999Z, and its folder is that of 1970-01-11T00:00:00Z up to but without 1970-01-12T00:00:00Z, in UTC"},
		{"the end", "partitioned_by: {dt: at_time}", 11 * day, null, "at_time is 1970-01-12T00:00:00Z"},
		{"no time", "partitioned_by: {dt: at_time}", null, null, ""},
		{"arrived at once", byArrival, 10 * day, 10 * day, ""},
		{"as late as may be", byArrival, 9 * day, 10 * day, ""},
		{"too late", byArrival, 9*day - 1, 10 * day, "it happened at 1970-01-09T23:59:59.999999Z and arrived at 1970-01-11T00:00:00Z, which is further apart than the lateness of 1d"},
		{"as early as may be", byArrival, 11 * day, 10 * day, ""},
		{"too early", byArrival, 11*day + 1, 10 * day, "further apart than the lateness of 1d"},
		{"arrived in another folder", byArrival, 10 * day, 11 * day, "came is 1970-01-12T00:00:00Z"},
		{"without arrival", byArrival, 10 * day, null, "came is null"},
		{"without time", byArrival, null, 0, ""},
	} {
		p := shopInFolders(t, c.source)
		in := &p.Inputs[0]
		b := &event.Batch{Len: 2}
		for _, f := range in.Columns {
			col := event.Make(f.Type)
			for _, at := range []int64{10 * day, map[string]int64{"at_time": c.at, "came": c.came}[f.Name]} {
				if f.Name != "at_time" && f.Name != "came" || at == null {
					col.AppendNull()
				} else {
					col.AppendInt(at)
				}
			}
			b.Columns = append(b.Columns, col)
		}
		row, problem := in.Astray(b, folder)
		if belongs := row < 0; belongs != (c.want == "") || !belongs && (row != 1 || !strings.Contains(problem, c.want)) {
			t.Errorf("%s: row %d, %q; want %q", c.name, row, problem, c.want)
		}
	}
}

// TestFoldersByDates: what folders bound may be a date, which is its midnight, and
// is no number.
func TestFoldersByDates(t *testing.T) {
	text := strings.Replace(shop, "event_timestamp: at_time", "event_timestamp: on_day\n    partitioned_by: {dt: on_day}", 1)
	text = fmt.Sprintf(text, "", "s: sum(price)", "x: at")
	for kind, fine := range map[event.Kind]bool{event.Date: true, event.Int: false} {
		cat := shopCatalog()
		cat.Histories["tx"] = append(cat.Histories["tx"], event.Field{Name: "on_day", Type: event.Of(kind)})
		d, err := Load("shop.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Compile(d, cat, "train"); (err == nil) != fine {
			t.Errorf("%v: %v", kind, err)
		}
	}
}
