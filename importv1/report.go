package importv1

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// maxProblems bounds the problems that are told in words.
const maxProblems = 1000

// Report is what an import did or, in a dry run, would do.
type Report struct {
	Users, Tokens, Invites, Contents, Collections, Entries, Deals Count

	Problems []string `json:",omitempty"` // the first of them, in words
	Untold   int      `json:",omitempty"` // how many more there were
}

// Count is what became of the rows of a table.
type Count struct {
	Read int // there were; those of Skipped and Bad included
	New  int // taken
	Had  int // here already
	// Skipped were not to be taken: aggregates and parts of contents, what V1 had
	// failed to get or was about to replace, invites that were used.
	Skipped int
	Bad     int // could not be taken: a problem says why
}

// refuse counts a row that could not be taken, and tells why.
func (r *Report) refuse(c *Count, err error) {
	c.Bad++
	r.problem(err)
}

func (r *Report) problem(err error) {
	if len(r.Problems) == maxProblems {
		r.Untold++
		return
	}
	r.Problems = append(r.Problems, err.Error())
}

// Print writes a report for a person.
func (r Report) Print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\tread\tnew\there already\tskipped\tnot taken")
	for _, line := range []struct {
		name string
		Count
	}{
		{"users", r.Users}, {"tokens", r.Tokens}, {"invites", r.Invites}, {"contents", r.Contents},
		{"collections", r.Collections}, {"entries of collections", r.Entries}, {"deals", r.Deals},
	} {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\n", line.name, line.Read, line.New, line.Had, line.Skipped, line.Bad)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, p := range r.Problems {
		if _, err := fmt.Fprintln(out, "not taken:", p); err != nil {
			return err
		}
	}
	if r.Untold > 0 {
		_, err := fmt.Fprintf(out, "and %d more\n", r.Untold)
		return err
	}
	return nil
}
