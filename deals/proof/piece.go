package proof

import (
	"github.com/filecoin-project/go-data-segment/datasegment"
	"github.com/filecoin-project/go-data-segment/merkletree"
	"github.com/filecoin-project/go-state-types/abi"
	"github.com/ipfs/go-cid"
)

// verifyPieces checks that each shard is in its piece, and in its piece's index.
func (p *Proof) verifyPieces() error {
	for i, s := range p.Shards {
		c, err := cid.Decode(s.CID)
		if err != nil {
			return malformed("shard %d: %v", i, err)
		}
		ip := datasegment.InclusionProof{ProofSubtree: s.Subtree.data(), ProofIndex: s.Index.data()}
		aux, err := ip.ComputeExpectedAuxData(datasegment.InclusionVerifierData{CommPc: c, SizePc: abi.PaddedPieceSize(s.Padded)})
		if err != nil {
			return refuse("shard %d is not shown to be in piece %d: %v", i, s.Piece, err)
		}
		piece := p.Pieces[s.Piece]
		if aux.CommPa.String() != piece.CID || int64(aux.SizePa) != piece.Padded {
			return refuse("shard %d is in piece %s of %d bytes, not in %s of %d", i, aux.CommPa, aux.SizePa, piece.CID, piece.Padded)
		}
	}
	return nil
}

func (p Path) data() merkletree.ProofData {
	d := merkletree.ProofData{Index: p.Index}
	for _, n := range treeNodes(p.Siblings) {
		d.Path = append(d.Path, merkletree.Node(n))
	}
	return d
}

// Offset is where a span begins in its piece, in bytes as a provider serves it.
// Once the proof is verified it is proved too.
func (p *Proof) Offset(s Span) int64 {
	shard := p.Shards[s.Shard]
	return int64(shard.Subtree.Index)*(shard.Padded/128*127) + s.Offset
}
