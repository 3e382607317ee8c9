package features

import (
	"fmt"
	"math/big"
	"strings"

	"github.com/timeseam/timeseam/features/event"
	"gopkg.in/yaml.v3"
)

// split reads how rows are marked as train, validation or test; nil where it
// says nothing that could be used.
func (l *loader) split(n *yaml.Node, subject string) *Split {
	o := l.open(n, splitSection, subject, Text{Pos: nodePos(n)})
	defer o.close()
	s := &Split{Pos: nodePos(n)}
	byTime, byHash := o.take("time"), o.take("hash")
	switch {
	case quiet(n) || n.Kind != yaml.MappingNode:
	case byTime != nil && byHash != nil:
		l.fault(n, subject+" has both time and hash", "remove one")
	case byTime != nil:
		l.splitTime(s, byTime, o.of("time"))
	case byHash != nil:
		l.splitHash(s, byHash, o.of("hash"))
	case len(o.given) == 0:
		l.fault(n, subject+" says neither time nor hash", "write {time: {test: 2026-03-01}}, or {hash: {of: COLUMN, train: 0.8, test: 0.2}}")
	}
	return s
}

func (l *loader) splitTime(s *Split, n *yaml.Node, subject string) {
	o := l.open(n, splitTimeSection, subject, Text{Pos: nodePos(n)})
	for _, name := range splitNames[1:] {
		t := o.instant(name)
		if !t.Given() {
			continue
		}
		if k := len(s.Starts); k > 0 && startOf(s.Starts[k-1].Value) >= startOf(t) {
			l.faultAt(t, fmt.Sprintf("%s begins at %s, which is not after %s", name, tick(t.Value), s.Starts[k-1].Name), "validation comes before test")
		}
		s.Starts = append(s.Starts, Mark{name, t})
	}
	s.Embargo = o.span("embargo")
	o.close()
}

// splitHash reads shares, which must make exactly one whole: what is missing to
// it would be rows that nobody asked to lose.
func (l *loader) splitHash(s *Split, n *yaml.Node, subject string) {
	o := l.open(n, splitHashSection, subject, Text{Pos: nodePos(n)})
	whole, all := new(big.Rat), true
	for _, name := range splitNames {
		t := o.share(name)
		if t.Given() {
			s.Shares = append(s.Shares, Mark{name, t})
			whole.Add(whole, shareOf(t))
		}
		all = all && (t.Given() || !o.has(name))
	}
	if all && o.has("train") && o.has("test") && whole.Cmp(big.NewRat(1, 1)) != 0 {
		l.fault(n, fmt.Sprintf("the shares in %s make %s, not 1", subject, strings.TrimRight(whole.FloatString(6), "0")), "write shares that make one whole, such as 0.8, 0.1 and 0.1")
	}
	of := o.take("of")
	if o.filled(of, o.of("of"), "name a column of the spine") {
		s.Of = l.wordOrWords(of, o.of("of"))
	}
	s.Seed, _ = o.count("seed")
	o.close()
}

// sample reads which negatives stay.
func (l *loader) sample(n *yaml.Node, subject string) *Sample {
	o := l.open(n, sampleSection, subject, Text{Pos: nodePos(n)})
	s := &Sample{Pos: nodePos(n), Negatives: o.share("negatives"), Label: o.word("label")}
	of := o.take("of")
	if o.filled(of, o.of("of"), "name columns of the spine") {
		s.Of = l.wordOrWords(of, o.of("of"))
	}
	s.Seed, _ = o.count("seed")
	o.close()
	return s
}

// instant returns a date or a timestamp.
func (o *object) instant(name string) Text {
	n := o.take(name)
	if quiet(n) || !o.scalar(n, o.of(name), "an instant") {
		return Text{}
	}
	if _, err := event.ParseTime(n.Value); err != nil {
		o.fault(n, fmt.Sprintf("%s is %s, no instant", o.of(name), tick(n.Value)), "write 2026-01-31, or 2026-01-31T12:00:00Z")
		return Text{}
	}
	return o.meaning(n, o.of(name))
}

// startOf is the instant that a text says; the loader has checked that it does.
func startOf(t Text) event.Time {
	at, _ := event.ParseTime(t.Value)
	return at
}

// share returns a number between 0 and 1, both left out, in plain digits.
func (o *object) share(name string) Text {
	n := o.take(name)
	if quiet(n) || !o.scalar(n, o.of(name), "a share") {
		return Text{}
	}
	t := Text{Value: n.Value}
	one := big.NewRat(1, 1)
	if s := shareOf(t); len(n.Value) > 20 || strings.Trim(n.Value, "0123456789.") != "" || s == nil || s.Sign() <= 0 || s.Cmp(one) >= 0 {
		o.fault(n, fmt.Sprintf("%s is %s, no share", o.of(name), tick(n.Value)), "write a number between 0 and 1, such as 0.1")
		return Text{}
	}
	return o.meaning(n, o.of(name))
}

// shareOf is the number that a text says, exactly; nil where it says none.
func shareOf(t Text) *big.Rat {
	r, ok := new(big.Rat).SetString(t.Value)
	if !ok {
		return nil
	}
	return r
}
