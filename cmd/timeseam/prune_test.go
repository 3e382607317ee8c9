package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
)

// payment is an event of the histories that these tests make up.
type payment struct {
	ID      int64
	User    *string
	Time    *time.Time
	Arrived *time.Time
	Amount  *int64
	City    *string
}

// randomPayments are in about the order of time, as files of events are; times are
// five minutes apart, so that many lie on the edges of windows.
func randomPayments(rng *rand.Rand, n int) []payment {
	all := make([]payment, n)
	text := func(of ...string) *string {
		if rng.IntN(12) == 0 {
			return nil
		}
		return &of[rng.IntN(len(of))]
	}
	for i := range all {
		p := &all[i]
		minute := (i*120/n + rng.IntN(2)) * 5
		at := time.Date(2026, 1, 1, 0, minute, 0, 0, time.UTC)
		came, amount := at.Add(time.Duration(rng.IntN(40))*time.Minute), int64(minute/60)
		*p = payment{int64(rng.IntN(n)), text("ann", "bob", "eve"), &at, &came, &amount, text("Rom", "Ulm", "Oslo"[:1+minute/200])}
		if rng.IntN(20) == 0 {
			p.Time = nil
		}
		if rng.IntN(10) == 0 {
			p.Amount = nil
		}
	}
	return all
}

// writePayments writes them by arrow-go, into files of random row groups.
func writePayments(t *testing.T, dir string, rng *rand.Rand, all []payment, stats bool) {
	t.Helper()
	instant := &arrow.TimestampType{Unit: []arrow.TimeUnit{arrow.Millisecond, arrow.Microsecond, arrow.Nanosecond}[rng.IntN(3)], TimeZone: "UTC"}
	schema := arrow.NewSchema([]arrow.Field{{Name: "id", Type: arrow.PrimitiveTypes.Int64}, {Name: "user_id", Type: arrow.BinaryTypes.String, Nullable: true}, {Name: "time", Type: instant, Nullable: true},
		{Name: "arrived", Type: instant, Nullable: true}, {Name: "amount", Type: arrow.PrimitiveTypes.Int64, Nullable: true}, {Name: "city", Type: arrow.BinaryTypes.String, Nullable: true}}, nil)
	for f := 0; len(all) > 0; f++ {
		n := min(len(all), 1+rng.IntN(300))
		b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
		for _, p := range all[:n] {
			b.Field(0).(*array.Int64Builder).Append(p.ID)
			for i, text := range map[int]*string{1: p.User, 5: p.City} {
				if text == nil {
					b.Field(i).AppendNull()
				} else {
					b.Field(i).(*array.StringBuilder).Append(*text)
				}
			}
			for i, at := range map[int]*time.Time{2: p.Time, 3: p.Arrived} {
				if at == nil {
					b.Field(i).AppendNull()
				} else {
					stamp, _ := arrow.TimestampFromTime(*at, instant.Unit)
					b.Field(i).(*array.TimestampBuilder).Append(stamp)
				}
			}
			if p.Amount == nil {
				b.Field(4).AppendNull()
			} else {
				b.Field(4).(*array.Int64Builder).Append(*p.Amount)
			}
		}
		out, err := os.Create(filepath.Join(dir, fmt.Sprintf("part-%03d.parquet", f)))
		check(t, err)
		options := parquet.NewWriterProperties(parquet.WithMaxRowGroupLength(int64(1+rng.IntN(1+rng.IntN(30)))), parquet.WithStats(stats), parquet.WithPageIndexEnabled(rng.IntN(2) == 0), parquet.WithDictionaryDefault(rng.IntN(2) == 0))
		w, err := pqarrow.NewFileWriter(schema, out, options, pqarrow.DefaultWriterProps())
		check(t, err)
		check(t, w.Write(b.NewRecordBatch()))
		check(t, w.Close())
		all = all[n:]
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// randomShop is a definition of random windows, bounds, conditions and labels over
// payments.
func randomShop(rng *rand.Rand) string {
	pick := func(of ...string) string { return of[rng.IntN(len(of))] }
	view := func(name, where string) string {
		text := "  " + name + ":\n    entity: user\n    source: tx\n"
		if where != "" {
			text += "    where: \"" + where + "\"\n"
		}
		windows := []string{"{length: 60m, bounds: '[)'}", "{length: 60m, bounds: '[]'}", "{length: 60m, bounds: '(]'}", "{length: 60m, bounds: '()'}", "{length: 30m, offset: 1h}", "{length: 1us, bounds: '[]'}", "{length: 5m, bounds: '[]'}"}
		if rng.IntN(6) == 0 {
			windows = []string{"{lifetime: true}", "{rows: 3}", "{lifetime: true, bounds: '[]'}", "{lifetime: true, offset: 1h}"}
		}
		return text + fmt.Sprintf("    features:\n      n: {value: count(*), window: %s}\n      s: {value: sum(amount), window: %s}\n      ids: {value: 'last(id, 9)', window: %s}\n", pick(windows...), pick(windows...), pick(windows...))
	}
	where := func() string {
		return pick("", "city = 'Rom'", "city in ('Oslo', 'Osl')", "amount >= 3 and amount < 7", "amount > 8 or city = 'Os'", "time >= timestamp '2026-01-01T05:00:00Z'", "amount is null or amount = 2")
	}
	text := "version: 1\nname: shop\nsources:\n  tx:\n    history: {parquet: tx}\n    event_timestamp: time\n    arrival_timestamp: arrived\n"
	text += pick("", "    event_id: id\n", "    order_by: [amount]\n")
	text += "  users:\n    history: {parquet: tx}\n    dimension: {mode: versions, valid_from: time, recorded_at: arrived}\nentities:\n  user: user_id\nfeature_views:\n" + view("one", where())
	services := "one"
	if rng.IntN(2) == 0 {
		text, services = text+view("two", where()), services+", two"
	}
	if rng.IntN(2) == 0 {
		text += "  profile:\n    entity: user\n    source: users\n" + pick("", "    ttl: 30m\n", "    where: city = 'Rom'\n") + "    features: {city: city, amount: amount}\n"
		services += ", profile"
	}
	text += "feature_services:\n  all: {features: [" + services + "]}\ntraining_sets:\n  train:\n    service: all\n    spine: {parquet: labels.parquet, event_timestamp: asked}\n"
	if rng.IntN(3) == 0 {
		text += fmt.Sprintf("    label:\n      bought: {source: tx, match: user_id, within: %s, value: 'count(*)%s > 1'}\n", pick("30m", "2h", "9h"), pick("", " filter (where amount >= 4)"))
		text += pick("", "    censored: drop\n")
	}
	return text + "    visibility: {known: " + pick("event_time", "arrival") + "}\n"
}

// TestPruningChangesNothing runs random definitions over the same random rows in
// files with and without statistics, in row groups of any size: the training sets are the same, byte for byte.
func TestPruningChangesNothing(t *testing.T) {
	seeds, pruned, ruledOut := 15, 0, 0
	for seed := range seeds {
		rng := rand.New(rand.NewPCG(uint64(seed), 6))
		all, definition, first := randomPayments(rng, 200+rng.IntN(400)), randomShop(rng), 5*(rng.IntN(130)-5)
		spine := "user_id:utf8 | asked:timestamp[us,UTC]\n"
		for range 1 + rng.IntN(6) {
			at := time.Date(2026, 1, 1, 0, first+5*rng.IntN(1+rng.IntN(6)), 0, 0, time.UTC)
			spine += []string{"ann", "bob", "eve", "joe"}[rng.IntN(4)] + " | " + at.Format(time.RFC3339) + "\n"
		}
		args := []string{"--workers", fmt.Sprint(1 + rng.IntN(3))}
		if rng.IntN(3) == 0 {
			args = append(args, "--complete-until", fmt.Sprintf("2026-01-01T%02d:00:00Z", rng.IntN(12)))
		}
		var outs []string
		for _, stats := range []bool{false, true, true} {
			dir := t.TempDir()
			check(t, os.Mkdir(filepath.Join(dir, "tx"), 0o777))
			writePayments(t, filepath.Join(dir, "tx"), rng, all, stats)
			check(t, os.WriteFile(filepath.Join(dir, "shop.yaml"), []byte(definition), 0o666))
			check(t, writeTable(filepath.Join(dir, "labels.parquet"), spine))
			out := filepath.Join(dir, "out.csv")
			if code, said := backfilled(t, dir, "shop.yaml", append(slices.Clip(args), "-o", out)...); code != 0 {
				t.Fatalf("seed %d: %s\n%s", seed, said, definition)
			}
			groups, ruled := prunedOf(t, out)
			if !stats && groups > 0 {
				t.Fatalf("seed %d: files without statistics are pruned", seed)
			}
			pruned, ruledOut = pruned+groups, ruledOut+ruled
			text, err := os.ReadFile(out)
			check(t, err)
			outs = append(outs, string(text))
		}
		if outs[0] != outs[1] || outs[0] != outs[2] {
			t.Fatalf("seed %d: %v\n%s\nwithout statistics\n%s\nwith\n%s\nin other row groups\n%s", seed, args, definition, outs[0], outs[1], outs[2])
		}
	}
	if pruned < seeds*5 || ruledOut < seeds {
		t.Errorf("only %d row groups are left unread, %d by where", pruned, ruledOut)
	}
}

// prunedOf is how many row groups a run has left unread, and how many of them by where.
func prunedOf(t *testing.T, out string) (groups, ruledOut int) {
	t.Helper()
	var m struct {
		Inputs []struct {
			Pruned struct {
				Groups   int `json:"row_groups"`
				RuledOut int `json:"ruled_out"`
			} `json:"pruned"`
		} `json:"inputs"`
	}
	text, err := os.ReadFile(out + manifestSuffix)
	check(t, err)
	check(t, json.Unmarshal(text, &m))
	for _, i := range m.Inputs {
		groups, ruledOut = groups+i.Pruned.Groups, ruledOut+i.Pruned.RuledOut
	}
	if strings.Contains(string(text), `"pruned"`) != (groups > 0) {
		t.Errorf("%s tells of pruning where nothing was left out", out)
	}
	return groups, ruledOut
}
