package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/timeseam/timeseam/checkpoint"
	"github.com/timeseam/timeseam/features/event"
	"github.com/timeseam/timeseam/live"
	"github.com/timeseam/timeseam/store"
	"github.com/urfave/cli/v2"
)

func checkpointCommand() *cli.Command {
	return &cli.Command{
		Name:         "checkpoint",
		Usage:        "list, show or verify the checkpoints of a daemon",
		ArgsUsage:    "list|show|verify DIR [NUMBER]",
		Flags:        []cli.Flag{jsonFlag("print as JSON")},
		OnUsageError: usageError,
		Description: `list DIR           what checkpoints there are
show DIR [NUMBER]  what one says of itself: newest, previous, or its number
verify DIR         read all of every file, decode every row and run; exits with 3 on a fault

DIR is a folder, or s3://BUCKET/KEY.`,
		Action: checkpoints,
	}
}

// checkpointWords are what there is to do.
var checkpointWords = []string{"list", "show", "verify"}

func checkpoints(c *cli.Context) error {
	word, most := c.Args().First(), 2
	if word == "show" {
		most = 3
	}
	if !slices.Contains(checkpointWords, word) {
		return wrongf("checkpoint takes one of %s, and a folder or s3://BUCKET/KEY%s; see timeseam checkpoint --help", strings.Join(checkpointWords, ", "), nearestOf(word, checkpointWords))
	}
	if c.NArg() < 2 || c.NArg() > most || slices.Contains(c.Args().Slice(), "") {
		return wrongf("checkpoint %s takes a folder or s3://BUCKET/KEY%s; see timeseam checkpoint --help", word, map[bool]string{true: ", and at most one number"}[most == 3])
	}
	r, err := checkpoint.Look(c.Context, c.Args().Get(1), checkpoint.Options{})
	if err != nil && !errors.Is(err, store.ErrSettings) && store.Is(c.Args().Get(1)) {
		return wrong{err}
	}
	if err != nil {
		return err
	}
	switch word {
	case "list":
		return listCheckpoints(c, r)
	case "show":
		return showCheckpoint(c, r)
	}
	return verifyCheckpoints(c, r)
}

// listedCheckpoint is a file as list prints it.
type listedCheckpoint struct {
	Number    int64          `json:"number"`
	Name      string         `json:"name"`
	Bytes     int64          `json:"bytes"`
	Time      *time.Time     `json:"time"` // null where its head cannot be read, as all that follows
	Whole     *bool          `json:"whole"`
	Parted    bool           `json:"parted,omitempty"` // it is kept for newer ones alone
	Files     int            `json:"files,omitempty"`
	Restored  int64          `json:"restored_bytes,omitempty"` // of all files that it is restored with
	Epoch     uint64         `json:"epoch,omitempty"`
	Positions live.Positions `json:"positions,omitempty"`
	Fault     string         `json:"fault,omitempty"`
}

func listCheckpoints(c *cli.Context, r *checkpoint.Reader) error {
	files, err := r.List(c.Context)
	if err != nil {
		return err
	}
	all := []listedCheckpoint{}
	for _, f := range files {
		l := listedCheckpoint{Number: f.Number, Name: f.Name, Bytes: f.Bytes}
		if m := f.Manifest; m != nil {
			l.Time, l.Whole, l.Files, l.Restored, l.Epoch, l.Positions = &m.Made, &m.Whole, 1+len(m.Chain), f.Bytes, m.State.Epoch, m.State.Positions
			l.Parted = f.Parted
			for _, link := range m.Chain {
				l.Restored += link.Bytes
			}
		} else {
			l.Fault = f.Err.Error()
		}
		all = append(all, l)
	}
	if c.Bool("json") {
		return printJSON(c.App.Writer, all)
	}
	if len(all) == 0 {
		fmt.Fprintf(c.App.Writer, "%s has no checkpoints\n", printable(c.Args().Get(1)))
		return nil
	}
	w := tabwriter.NewWriter(c.App.Writer, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "number\ttime\tbytes\tfiles\trestored with\tepoch\tpositions")
	for i := range all {
		fmt.Fprintln(w, strings.Join(all[i].line(), "\t"))
	}
	return w.Flush()
}

// line is the columns of a person's table.
func (l *listedCheckpoint) line() []string {
	if l.Fault != "" {
		return []string{fmt.Sprint(l.Number), "-", fmt.Sprint(l.Bytes), "-", "-", "-", printable(l.Fault)}
	}
	with := sizeWords(l.Restored)
	switch {
	case !*l.Whole:
		with = "a step on the way"
	case l.Parted:
		with = "kept for newer ones"
	}
	return []string{fmt.Sprint(l.Number), l.Time.Format(time.DateTime), fmt.Sprint(l.Bytes), fmt.Sprint(l.Files), with, fmt.Sprint(l.Epoch), positionsText(l.Positions)}
}

// positionsText is positions on one line: tx 0:17 1:20.
func positionsText(p live.Positions) string {
	var words []string
	for _, source := range slices.Sorted(maps.Keys(p)) {
		word := source
		for _, partition := range slices.Sorted(maps.Keys(p[source])) {
			word += fmt.Sprintf(" %d:%d", partition, p[source][partition])
		}
		words = append(words, printable(word))
	}
	if len(words) == 0 {
		return "-"
	}
	return strings.Join(words, ", ")
}

func showCheckpoint(c *cli.Context, r *checkpoint.Reader) error {
	which, err := checkpoint.ParseWhich(c.Args().Get(2))
	if err != nil {
		return wrong{err}
	}
	m, err := r.Show(c.Context, which)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return printJSON(c.App.Writer, m)
	}
	printCheckpoint(c.App.Writer, m)
	return nil
}

// printCheckpoint tells a person what a checkpoint says of itself.
func printCheckpoint(w io.Writer, m *checkpoint.Manifest) {
	kind := "a checkpoint"
	if !m.Whole {
		kind = "a step on the way to a checkpoint: not all key groups are there yet"
	}
	fmt.Fprintf(w, "number %d, %s\n", m.Number, kind)
	fmt.Fprintf(w, "  time: %s\n", m.Made.Format(time.RFC3339))
	fmt.Fprintf(w, "  epoch: %d, with %d rows since the file before\n", m.State.Epoch, m.Rows)
	fmt.Fprintf(w, "  positions: %s\n", positionsText(m.State.Positions))
	if m.State.Kept > event.MinTime {
		fmt.Fprintf(w, "  questions: of instants from %s on\n", m.State.Kept)
	}
	fmt.Fprintf(w, "  digest: %s\n", printable(m.State.Digest))
	for _, v := range m.State.Views {
		fmt.Fprintf(w, "  view %s: %s\n", printable(v.Name), printable(strings.Join(v.Columns, ", ")))
	}
	for _, reason := range slices.Sorted(maps.Keys(m.State.Counts)) {
		fmt.Fprintf(w, "  %s: %d\n", printable(reason), m.State.Counts[reason])
	}
	groups := map[int64]int{}
	for _, s := range m.Bases {
		groups[s.File] += s.To - s.From
	}
	for _, f := range m.Chain {
		fmt.Fprintf(w, "  restored with file %d: %s, crc32c %s, bases of %d key groups\n", f.Number, sizeWords(f.Bytes), printable(f.Sum), groups[f.Number])
	}
	fmt.Fprintf(w, "  itself: bases of %d key groups\n", groups[m.Number])
}

// verdictJSON is what verify found out about a file.
type verdictJSON struct {
	Number int64    `json:"number"`
	Name   string   `json:"name"`
	Whole  bool     `json:"whole"`
	Bytes  int64    `json:"bytes"`
	Rows   int64    `json:"rows"`
	Runs   int64    `json:"runs"`
	Faults []string `json:"faults"`
}

func verifyCheckpoints(c *cli.Context, r *checkpoint.Reader) error {
	verdicts, err := r.Verify(c.Context)
	if err != nil {
		return err
	}
	all := make([]verdictJSON, len(verdicts))
	wrongs := 0
	for i, v := range verdicts {
		all[i] = verdictJSON{v.Number, v.Name, v.Whole, v.Bytes, v.Rows, v.Runs, append([]string{}, v.Faults...)}
		wrongs += len(v.Faults)
	}
	if c.Bool("json") {
		err = printJSON(c.App.Writer, all)
	} else {
		printVerdicts(c.App.Writer, all)
	}
	if err == nil && wrongs > 0 {
		return errDiffers
	}
	return err
}

func printVerdicts(w io.Writer, all []verdictJSON) {
	for i := range all {
		v := &all[i]
		if len(v.Faults) == 0 {
			fmt.Fprintf(w, "%d: as it was written, %d rows and %d runs\n", v.Number, v.Rows, v.Runs)
		}
		for _, f := range v.Faults {
			fmt.Fprintf(w, "%d: %s\n", v.Number, printable(f))
		}
	}
}
