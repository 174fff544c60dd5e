package proof

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
)

// State is what became of a step.
type State string

const (
	Proved     State = "proved"
	Refused    State = "refused"
	NotChecked State = "not checked"
)

// A Step is a part of what a proof says.
type Step struct {
	Name  string `json:"step"`
	State State  `json:"state"`
	Text  string `json:"text"` // for a person
}

// A Report is what checking a proof found.
type Report struct {
	Root  string  `json:"root"`
	Size  int64   `json:"size"`
	Steps []Step  `json:"steps"`
	Deals []Found `json:"deals,omitempty"` // if a chain was asked
}

// Refused says whether a step was.
func (r *Report) Refused() bool { return r.has(Refused) }

// Unchecked says whether a step was left out.
func (r *Report) Unchecked() bool { return r.has(NotChecked) }

func (r *Report) has(state State) bool {
	return slices.ContainsFunc(r.Steps, func(s Step) bool { return s.State == state })
}

func (r *Report) add(name string, state State, format string, args ...any) {
	r.Steps = append(r.Steps, Step{name, state, fmt.Sprintf(format, args...)})
}

// Verify reads file to its end and checks all that needs no network. Its error
// says that it could not be read; what is wrong with it or with the proof stands in
// the report, whose last step is then refused.
func (p *Proof) Verify(ctx context.Context, file io.Reader) (*Report, error) {
	r := &Report{Root: p.Root, Size: p.Size}
	root, err := canonical(p.Root)
	if err != nil {
		return nil, malformed("root: %v", err)
	}
	walk := walkFile
	if p.Kind == KindCAR {
		walk = walkCAR
	}
	s := &sections{p: p}
	err = walk(ctx, p, root, file, s.block)
	if err == nil {
		err = s.end()
	}
	if errors.Is(err, ErrRefused) {
		r.add("file", Refused, "%v", err)
		return r, nil
	}
	if err != nil {
		return nil, err
	}
	r.add("file", Proved, "its %d bytes are %s", p.Size, p.Root)
	if s.count == 0 {
		r.add("shards", Proved, "nothing has to be kept: the bytes stand in the CID itself")
		return r, nil
	}
	r.add("shards", Proved, "%s, %d bytes with their headers, which is all of them, stand in %s", plural(s.count, "block"), s.bytes, plural(len(p.Shards), "shard"))
	if err := p.verifyPieces(); err != nil {
		r.add("pieces", Refused, "%v", err)
		return r, nil
	}
	for _, pc := range p.Pieces {
		r.add("pieces", Proved, "%s of %d bytes holds %s", pc.CID, pc.Padded, plural(p.shardsOf(pc), "such shard"))
	}
	return r, nil
}

// shardsOf is how many of a proof's shards are in a piece.
func (p *Proof) shardsOf(pc Piece) (n int) {
	for _, s := range p.Shards {
		if p.Pieces[s.Piece].CID == pc.CID {
			n++
		}
	}
	return n
}
