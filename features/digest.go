package features

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
)

// meaningVersion changes when the same definition comes to mean other values:
// with the rules of docs/semantics.md or the mathematics. States of the version
// before are then refused rather than read with another meaning (I3).
const meaningVersion = 1

// fingerprint is the digest of the compiled meaning. It holds names of columns,
// types, expressions, windows, order and identity; no address, description,
// owner or place in the file. It is taken of the plan and not of the file: two
// spellings of one meaning have one digest, and what the plan does not use
// cannot change it (S13.1). Everything is printed in an order that the
// definition gives, never a map's. 128 bits of SHA-256 are kept, as it tells
// apart what people wrote and guards against no forger.
func (c *compiler) fingerprint() string {
	p, h := c.plan, sha256.New()
	fmt.Fprintf(h, "timeseam %d\n", meaningVersion)
	for _, v := range p.Views {
		c.printView(h, v)
	}
	for _, l := range p.Lookups {
		fmt.Fprintf(h, "lookup %s of view %d\n", l.Name, l.View)
		if l.LastTouch {
			fmt.Fprintln(h, "by last touch")
		}
	}
	for i, o := range p.frame {
		fmt.Fprintf(h, "frame %d %d %d %d %s\n", i, o.kind, o.lookup, o.index, o.t)
	}
	for _, s := range p.steps {
		fmt.Fprintf(h, "step %s\n", c.spelling[s.expr])
	}
	for i, o := range p.Outputs {
		fmt.Fprintf(h, "output %s %s %d\n", o.Name, o.Type, p.outputs[i])
	}
	return hex.EncodeToString(h.Sum(nil))[:32]
}

// printView prints all of a view that can change a value. Texts are canonical,
// names bound to columns by place, so that the columns' names and types stand
// beside them. What is added to Layout or Slot belongs here too, or else two
// meanings would share a digest.
func (c *compiler) printView(w io.Writer, v *PlannedView) {
	in := c.plan.Inputs[v.Input]
	fmt.Fprintf(w, "view %s of %s dimension %t\n", v.Name, in.Source.Name.Value, in.Source.Dimension != nil)
	for _, f := range in.Columns[:in.meaning] {
		fmt.Fprintf(w, "column %s %s\n", f.Name, f.Type)
	}
	c.printCopy(w, "history", &in.History, in.meaning)
	c.printCopy(w, "stream", in.Stream, in.meaning)
	for _, k := range v.keys {
		fmt.Fprintf(w, "key %s %s\n", c.spelling[k], k.Type)
	}
	fmt.Fprintf(w, "time %s where %s\n", c.spelling[v.time], c.spelling[v.where])
	for i, e := range v.columns {
		fmt.Fprintf(w, "run %s = %s\n", v.texts[i], c.spelling[e])
	}
	l := v.Layout
	fmt.Fprintf(w, "order %v id %d content %v version %v nan %s\n", l.OrderBy, l.ID, l.Content, l.Version, in.Source.NaN.Value)
	for _, s := range l.Slots {
		fmt.Fprintf(w, "slot %s %v filter %d nulls %t window %d %d %t %d %t %t n %d p %v list %t least %d %s\n", s.Aggregate, s.Args, s.Filter, s.RespectNulls,
			s.Window.Length, s.Window.Rows, s.Window.Lifetime, s.Window.Offset, s.Window.ClosedLow, s.Window.ClosedHigh, s.N, s.P, s.List, s.MinCount, s.Type)
		if len(s.By) > 0 {
			fmt.Fprintf(w, "by %v\n", s.By)
		}
	}
}

// printCopy prints what the columns of an input are made of in one copy of its
// source, where they are not what is read.
func (c *compiler) printCopy(w io.Writer, name string, p *Copy, meaning int) {
	if p == nil || p.made == nil {
		return
	}
	for _, f := range p.Reads {
		fmt.Fprintf(w, "%s reads %s %s\n", name, f.Name, f.Type)
	}
	for i, e := range p.made[:meaning] {
		fmt.Fprintf(w, "%s %d = %s\n", name, i, c.spelling[e])
	}
}
