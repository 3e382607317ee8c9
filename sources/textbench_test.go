package sources

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/timeseam/timeseam/features/event"
)

// textBenchFields are the columns of benchTable.
var textBenchFields = event.Schema{{Name: "account_id", Type: event.Of(event.String)}, {Name: "merchant_id", Type: event.Of(event.String)}, {Name: "amount", Type: event.Of(event.Double)},
	{Name: "country", Type: event.Of(event.String)}, {Name: "event_time", Type: event.Of(event.Timestamp)}}

// textBenchTable writes the card payments of benchTable as text.
func textBenchTable(b *testing.B, ending string) *Table {
	b.Helper()
	rng := rand.New(rand.NewPCG(7, 7))
	var w bytes.Buffer
	line := "%s,%s,%.2f,%s,%s\n"
	if ending == "csv" {
		w.WriteString("account_id,merchant_id,amount,country,event_time\n")
	} else {
		line = `{"account_id":"%s","merchant_id":"%s","amount":%.2f,"country":"%s","event_time":"%s"}` + "\n"
	}
	for i := range benchRows {
		at := time.UnixMicro(int64(i) * 345_678).UTC().Format("2006-01-02T15:04:05.000000Z")
		fmt.Fprintf(&w, line, fmt.Sprintf("acc%08d", rng.IntN(500_000)), fmt.Sprintf("mer%08d", rng.IntN(20_000)), float64(rng.IntN(100_000))/100, fmt.Sprint("C", rng.IntN(30)), at)
	}
	dir := b.TempDir()
	if keep := os.Getenv("TIMESEAM_BENCH_KEEP"); keep != "" {
		dir = keep
	}
	path := filepath.Join(dir, "part."+ending)
	if err := os.WriteFile(path, w.Bytes(), 0o666); err != nil {
		b.Fatal(err)
	}
	return must(FindText(path, Dialect{JSON: ending == "jsonl", Fields: textBenchFields}))
}

// BenchmarkReadText reads one file on one core. TIMESEAM_BENCH_KEEP names a folder
// in which the files are left, for other programs to read.
func BenchmarkReadText(b *testing.B) {
	for _, ending := range []string{"csv", "jsonl"} {
		table := textBenchTable(b, ending)
		for _, columns := range [][]string{{"event_time"}, namesOf(textBenchFields)} {
			b.Run(fmt.Sprintf("%s/columns=%d", ending, len(columns)), func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(table.Files[0].Size)
				for b.Loop() {
					drain(b, must(table.Read(columns)))
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRows, "ns/row")
			})
		}
	}
}
