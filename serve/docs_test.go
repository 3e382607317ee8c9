package serve

import (
	"encoding/json"
	"os"
	"os/exec"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/timeseam/timeseam/features"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/live"
)

// TestDocs runs what docs/serving.md shows: its definition, and each curl against it.
func TestDocs(t *testing.T) {
	page, err := os.ReadFile("../docs/serving.md")
	if err != nil {
		t.Fatal(err)
	}
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Skip("there is no curl here")
	}
	yaml := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindSubmatch(page)
	def, err := features.Load("serving.yaml", yaml[1])
	if err != nil {
		t.Fatal(err)
	}
	const token = "a-token-of-the-page"
	settings, err := Configure(def, Environment{Lookup: func(name string) (string, bool) { return token, name == "SERVING_TOKEN" }})
	if err != nil {
		t.Fatal(err)
	}
	noon, err := event.ParseTime("2026-01-31T12:00:00Z")
	if err != nil {
		t.Fatal(err)
	}
	plan, err := features.CompileService(def, features.Catalog{}, settings.Service)
	if err != nil {
		t.Fatal(err)
	}
	e := live.NewEngine(plan, live.Options{Now: func() time.Time { return time.UnixMicro(int64(noon)) }, Reach: time.Hour})
	e.Apply(shownPayments(plan, int64(noon)))
	settings.Progress = func() Progress { return Progress{Watermark: noon - 1_000_000, Staleness: 250 * time.Millisecond} }
	s, err := New(e, settings.Options)
	if err != nil {
		t.Fatal(err)
	}
	address := running(t, s, s.Serve)
	shown := regexp.MustCompile("(?s)```sh\n(curl.*?)```\n```json\n(.*?)```").FindAllSubmatch(page, -1)
	if len(shown) != 2 {
		t.Fatalf("the page shows %d requests", len(shown))
	}
	for _, m := range shown {
		line := strings.ReplaceAll(strings.Replace(string(m[1]), settings.Listen, address, 1), "curl ", curl+" --noproxy '*' ")
		run := exec.CommandContext(t.Context(), "sh", "-c", line)
		run.Env = []string{"SERVING_TOKEN=" + token}
		out, err := run.Output()
		var got, want any
		if err != nil || json.Unmarshal(out, &got) != nil || json.Unmarshal(m[2], &want) != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%v\n%s\n gives  %s\n not    %s", err, line, out, m[2])
		}
	}
}

// shownPayments are what the page's answers are of.
func shownPayments(plan *features.Plan, noon int64) *live.Batch {
	b := &event.Batch{Len: 3}
	for _, f := range plan.Inputs[0].Columns {
		c := event.Make(f.Type)
		for i, amount := range []float64{2, 3.5, 4.5} {
			switch f.Name {
			case "account_id":
				c.AppendText([]byte("A17"))
			case "amount":
				c.AppendFloat(amount)
			default:
				c.AppendInt(noon - int64(3-i)*1_000_000)
			}
		}
		b.Columns = append(b.Columns, c)
	}
	return &live.Batch{Rows: b, Source: "transactions", Next: 3}
}
