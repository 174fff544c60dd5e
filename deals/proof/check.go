package proof

import (
	"fmt"

	commcid "github.com/filecoin-project/go-fil-commcid"
	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/internal/commp"
)

const (
	nodeSize = 32
	// minPadded and maxPadded bound the sizes of shards and pieces.
	minPadded = commp.MinPadded
	maxPadded = 1 << 40
)

// check refuses what no proof says, whatever the file is: so the rest need not ask again.
func (p *Proof) check() error {
	if _, err := canonical(p.Root); err != nil {
		return malformed("root: %v", err)
	}
	if p.Size < 0 || p.Size > maxFile {
		return malformed("a file of %d bytes", p.Size)
	}
	if p.Kind != KindFile && p.Kind != KindCAR {
		return malformed("kind %q", p.Kind)
	}
	if p.Kind == KindCAR && len(p.Nodes) > 0 {
		return malformed("nodes, which a CAR holds itself")
	}
	if len(p.Object.Bucket) > maxText || len(p.Object.Key) > maxText || len(p.Object.Version) > maxText {
		return malformed("a name of more than %d bytes", maxText)
	}
	for i, n := range p.Nodes {
		if n.File < 0 || len(n.Head)+n.File+len(n.Tail) > maxBlock {
			return malformed("node %d: it is larger than %d bytes", i, maxBlock)
		}
	}
	if err := p.checkSpans(); err != nil {
		return err
	}
	if err := p.checkShards(); err != nil {
		return err
	}
	return p.checkPieces()
}

func (p *Proof) checkSpans() error {
	if len(p.Spans) > MaxSpans {
		return malformed("%d spans, %d are allowed", len(p.Spans), MaxSpans)
	}
	used := make([]bool, len(p.Shards))
	for i, s := range p.Spans {
		if s.Shard < 0 || s.Shard >= len(p.Shards) {
			return malformed("span %d: no shard %d", i, s.Shard)
		}
		used[s.Shard] = true
		if s.Offset < 0 || s.Length <= 0 || s.Offset > maxPadded || s.Length > maxPadded {
			return malformed("span %d: %d bytes at %d", i, s.Length, s.Offset)
		}
		before, after := edges(s.Offset, s.Length)
		if len(s.Before) != before || len(s.After) != after {
			return malformed("span %d: %d bytes before and %d after it, where its quads have %d and %d", i, len(s.Before), len(s.After), before, after)
		}
		if len(s.Left)%nodeSize != 0 || len(s.Right)%nodeSize != 0 {
			return malformed("span %d: its subtrees are no whole nodes", i)
		}
	}
	for i, ok := range used {
		if !ok {
			return malformed("shard %d holds nothing", i)
		}
	}
	return nil
}

// edges are the numbers of bytes that complete the quads in which a span begins and ends.
func edges(off, length int64) (before, after int) {
	return int(off % commp.Quad), int((commp.Quad - (off+length)%commp.Quad) % commp.Quad)
}

func (p *Proof) checkShards() error {
	used := make([]bool, len(p.Pieces))
	for i, s := range p.Shards {
		if err := checkCommitment(s.CID, s.Padded); err != nil {
			return malformed("shard %d: %v", i, err)
		}
		if s.Piece < 0 || s.Piece >= len(p.Pieces) {
			return malformed("shard %d: no piece %d", i, s.Piece)
		}
		used[s.Piece] = true
		for _, path := range []Path{s.Subtree, s.Index} {
			if n := len(path.Siblings); n%nodeSize != 0 || n/nodeSize > 40 {
				return malformed("shard %d: a path of %d bytes", i, n)
			}
		}
	}
	for i, ok := range used {
		if !ok {
			return malformed("piece %d holds no shard", i)
		}
	}
	return nil
}

func (p *Proof) checkPieces() error {
	for i, pc := range p.Pieces {
		if err := checkCommitment(pc.CID, pc.Padded); err != nil {
			return malformed("piece %d: %v", i, err)
		}
		if len(pc.Deals) > MaxDeals {
			return malformed("piece %d: %d deals, %d are allowed", i, len(pc.Deals), MaxDeals)
		}
		seen := make(map[uint64]bool)
		for _, d := range pc.Deals {
			if d.ID == 0 || seen[d.ID] {
				return malformed("piece %d: deal %d is none, or there twice", i, d.ID)
			}
			seen[d.ID] = true
			if d.Provider == "" || d.Client == "" || len(d.Provider) > maxText || len(d.Client) > maxText || d.Start < 0 || d.End < d.Start {
				return malformed("piece %d: deal %d lacks its provider, client or epochs", i, d.ID)
			}
			if d.Publish == "" {
				continue
			}
			if _, err := canonical(d.Publish); err != nil {
				return malformed("piece %d: message of deal %d: %v", i, d.ID, err)
			}
		}
	}
	return nil
}

func checkCommitment(s string, padded int64) error {
	if padded < minPadded || padded > maxPadded || padded&(padded-1) != 0 {
		return fmt.Errorf("%d bytes are not the size of a piece", padded)
	}
	c, err := canonical(s)
	if err != nil {
		return err
	}
	if _, err := commcid.CIDToPieceCommitmentV1(c); err != nil {
		return fmt.Errorf("%s is no piece CID", s)
	}
	return nil
}

// canonical reads a CID that is written as this program writes it.
func canonical(s string) (cid.Cid, error) {
	if len(s) > maxCID {
		return cid.Undef, fmt.Errorf("a CID of %d characters", len(s))
	}
	c, err := cid.Decode(s)
	if err != nil {
		return cid.Undef, fmt.Errorf("%q is no CID", s)
	}
	if c.String() != s {
		return cid.Undef, fmt.Errorf("%q is another way to write %s", s, c)
	}
	return c, nil
}
