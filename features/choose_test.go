package features

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/timeseam/timeseam/features/event"
)

// choosing is a definition whose training set is split and sampled as CHOICE says.
const choosing = `version: 1
name: f
sources: {tx: {history: {parquet: tx.parquet}, fields: {account_id: string, amount: double, at_time: timestamp}, event_timestamp: at_time}}
entities: {account: account_id}
feature_views: {spend: {entity: account, source: tx, features: {n: count(*)}}}
feature_services: {all: {features: [spend]}}
training_sets:
  t:
    service: all
    spine: {parquet: s.parquet, event_timestamp: at_time}
    label: LABEL
    visibility: {known: event_time}
    CHOICE
`

var choosingSpine = event.Schema{{Name: "account_id", Type: event.Of(event.String)}, {Name: "at_time", Type: event.Of(event.Timestamp)}, {Name: "id", Type: event.Of(event.Int)},
	{Name: "bad", Type: event.Of(event.Bool)}, {Name: "score", Type: event.Of(event.Double)}, {Name: "word", Type: event.Of(event.String)}}

func compileChoice(label, choice string) (*Plan, error) {
	d, err := Load("f.yaml", []byte(strings.NewReplacer("LABEL", label, "CHOICE", choice).Replace(choosing)))
	if err != nil {
		return nil, err
	}
	return Compile(d, Catalog{Spines: map[string]event.Schema{"t": choosingSpine}}, "t")
}

// askChoice answers n rows of the plan's own columns: row i is of account i%100, day
// i of 2026, id i; each third is bad, each seventh not known.
func askChoice(p *Plan, n int) *event.Batch {
	b := &event.Batch{Len: n}
	for _, f := range p.Queries.Columns {
		c := event.Make(f.Type)
		for i := range n {
			switch {
			case f.Name == "account_id":
				c.AppendText(fmt.Appendf(nil, "a%d", i%100))
			case f.Name == "at_time" && i == 5:
				c.AppendNull()
			case f.Name == "at_time":
				c.AppendInt(1767225600_000_000 + int64(i)*86_400_000_000)
			case f.Name == "id":
				c.AppendInt(int64(i))
			case i%7 == 0:
				c.AppendNull()
			case f.Name == "score":
				c.AppendFloat(float64(i % 3))
			default:
				c.AppendInt(int64(min(i%3, 1)))
			}
		}
		b.Columns = append(b.Columns, c)
	}
	return b
}

// TestSplitByTime holds S14.3 at the very ends of embargoes and splits.
func TestSplitByTime(t *testing.T) {
	p, err := compileChoice("bad", "split: {time: {validation: 2026-02-01, test: '2026-03-01T00:00:00Z', embargo: 3d}}")
	if err != nil {
		t.Fatal(err)
	}
	var n event.Counts
	chosen, rows := p.Choose(askChoice(p, 90), nil, &n)
	q := p.NewQueries(chosen, &n)
	if len(rows) != 84 || n[event.RowEmbargoed] != 6 || len(q.Marks) != 1 || p.Marks[0].Name != "split" {
		t.Fatalf("%d rows, %d embargoed, marks %v", len(rows), n[event.RowEmbargoed], p.Marks)
	}
	for k, row := range rows {
		want := "train" // 1 February is day 31, 1 March day 59
		switch {
		case row >= 28 && row < 31 || row >= 56 && row < 59:
			t.Errorf("day %d is within an embargo", row)
		case row >= 59:
			want = "test"
		case row >= 31:
			want = "validation"
		}
		if row == 5 {
			if !q.Marks[0].IsNull(k) {
				t.Error("a row without an instant is in a split")
			}
			continue
		}
		if got := string(q.Marks[0].Text(k)); got != want {
			t.Errorf("day %d is in %s, want %s", row, got, want)
		}
	}
}

// TestSplitByHash pins draws (S14.5): another hash would move rows of training
// sets that exist.
func TestSplitByHash(t *testing.T) {
	marks := func(choice string) (text string, counts map[string]int) {
		p, err := compileChoice("bad", choice)
		if err != nil {
			t.Fatal(err)
		}
		b := askChoice(p, 20_000)
		_, rows := p.Choose(b, nil, new(event.Counts))
		if rows != nil {
			t.Error("a split by hash leaves rows out")
		}
		q := p.NewQueries(b, new(event.Counts))
		counts = map[string]int{}
		for i := range q.Len {
			counts[string(q.Marks[0].Text(i))]++
			if i < 30 {
				text += string(q.Marks[0].Text(i))[:1]
			}
		}
		return text, counts
	}
	text, counts := marks("split: {hash: {of: id, train: 0.8, validation: 0.15, test: 0.05}}")
	for name, share := range map[string]float64{"train": 0.8, "validation": 0.15, "test": 0.05} {
		if d := math.Abs(float64(counts[name]) - 20_000*share); d > 4*math.Sqrt(20_000*share*(1-share)) {
			t.Errorf("%d rows of %s, a share of %v was asked", counts[name], name, share)
		}
	}
	if want := "ttttvtvtttvvtttttttvtvtttttttv"; text != want {
		t.Errorf("the first rows are in %s, want %s", text, want)
	}
	if other, _ := marks("split: {hash: {of: id, train: 0.8, validation: 0.15, test: 0.05, seed: 2}}"); other == text {
		t.Error("another seed draws the same split")
	}
	byAccount, _ := marks("split: {hash: {of: [account_id], train: 0.5, test: 0.5}}")
	if byAccount == text {
		t.Error("another column draws the same split")
	}
}

// TestSample holds S14.4, and that a sample is drawn apart from a split of the
// same columns and seed.
func TestSample(t *testing.T) {
	for _, label := range []string{"bad", "score"} {
		p, err := compileChoice(label, "sample: {negatives: 0.25, of: id}\n    split: {hash: {of: id, train: 0.25, test: 0.75}}")
		if err != nil {
			t.Fatal(err)
		}
		var n event.Counts
		chosen, rows := p.Choose(askChoice(p, 20_000), nil, &n)
		q := p.NewQueries(chosen, &n)
		sum, negatives, train := 0.0, 0, 0
		for k, row := range rows {
			w := q.Marks[1].Floats[k]
			sum += w
			if row%3 != 0 || row%7 == 0 {
				if w != 1 {
					t.Fatalf("row %d is no negative and weighs %v", row, w)
				}
				continue
			}
			negatives++
			if string(q.Marks[0].Text(k)) == "train" {
				train++
			}
			if w != 4 {
				t.Fatalf("row %d is a negative and weighs %v", row, w)
			}
		}
		if math.Abs(sum-20_000) > 1000 || negatives+int(n[event.RowSampledOut]) != 5714 {
			t.Errorf("%s: the weights make %v, %d negatives stay and %d do not", label, sum, negatives, n[event.RowSampledOut])
		}
		if train < negatives/8 || train > negatives/2 {
			t.Errorf("%s: %d of %d sampled negatives are in train", label, train, negatives)
		}
	}
}

func TestChoiceFaults(t *testing.T) {
	for _, c := range []struct{ label, choice, want string }{
		{"bad", "split: {time: {validation: 2026-03-01, test: 2026-02-01}}", "test begins at `2026-02-01`, which is not after validation"},
		{"bad", "split: {time: {test: soon}}", "is `soon`, no instant; write 2026-01-31"},
		{"bad", "split: {hash: {of: id, train: 0.8, test: 0.1}}", "make 0.9, not 1"},
		{"bad", "split: {hash: {of: id, train: 1.5, test: 0.1}}", "is `1.5`, no share"},
		{"bad", "split: {hash: {of: di, train: 0.5, test: 0.5}}", "has no column di; did you mean id?"},
		{"bad", "split: {hash: {of: score, train: 0.5, test: 0.5}}", "column score of the spine is double, and what is hashed"},
		{"bad", "split: {}", "says neither time nor hash"},
		{"bad", "split: {time: {test: 2026-02-01}, hash: {of: id, train: 0.5, test: 0.5}}", "has both time and hash"},
		{"word", "sample: {negatives: 0.1, of: id}", "label word is string, and negatives are told by false or zero"},
		{"[bad, score]", "sample: {negatives: 0.1, of: id}", "has 2 labels, and its sample names none; add label: COLUMN"},
		{"bad", "sample: {negatives: 0.1, of: id, label: score}", "score is no label of training set t"},
		{"bad", "sample: {negatives: 1, of: id}", "is `1`, no share"},
	} {
		if _, err := compileChoice(c.label, c.choice); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.choice, err, c.want)
		}
	}
}
