package sandbox

import (
	"encoding/binary"

	"github.com/filecoin-project/go-address"
	"github.com/filecoin-project/go-state-types/abi"
	"github.com/filecoin-project/go-state-types/big"
	"github.com/filecoin-project/go-state-types/builtin"
	"github.com/filecoin-project/go-state-types/crypto"
	"github.com/ipfs/go-cid"
	"golang.org/x/crypto/blake2b"
)

// tipset is the chain's head in the shape Lotus gives it to clients. A round
// of this chain has one block or none.
type tipset struct {
	Cids   []cid.Cid
	Blocks []*blockHeader
	Height abi.ChainEpoch
}

type ticket struct{ VRFProof []byte }

type electionProof struct {
	WinCount int64
	VRFProof []byte
}

type beaconEntry struct {
	Round uint64
	Data  []byte
}

type windowPoSt struct {
	PoStProof  int64
	ProofBytes []byte
}

// blockHeader has the fields, order and encoding of Filecoin's block header,
// so that a client which recomputes block CIDs gets ours. The proofs in it
// prove nothing.
type blockHeader struct {
	Miner                 address.Address
	Ticket                *ticket
	ElectionProof         *electionProof
	BeaconEntries         []beaconEntry
	WinPoStProof          []windowPoSt
	Parents               []cid.Cid
	ParentWeight          big.Int
	Height                abi.ChainEpoch
	ParentStateRoot       cid.Cid
	ParentMessageReceipts cid.Cid
	Messages              cid.Cid
	BLSAggregate          *crypto.Signature
	Timestamp             uint64
	BlockSig              *crypto.Signature
	ForkSignaling         uint64
	ParentBaseFee         big.Int
}

func (b *blockHeader) cid() (cid.Cid, error) {
	var e encoder
	e.array(16)
	e.addr(b.Miner)
	e.array(1)
	e.bytes(b.Ticket.VRFProof)
	e.array(2)
	e.int(b.ElectionProof.WinCount)
	e.bytes(b.ElectionProof.VRFProof)
	e.array(len(b.BeaconEntries))
	for _, be := range b.BeaconEntries {
		e.array(2)
		e.uint(be.Round)
		e.bytes(be.Data)
	}
	e.array(len(b.WinPoStProof))
	for _, p := range b.WinPoStProof {
		e.array(2)
		e.int(p.PoStProof)
		e.bytes(p.ProofBytes)
	}
	e.array(len(b.Parents))
	for _, p := range b.Parents {
		e.cid(p)
	}
	e.amount(b.ParentWeight)
	e.epoch(b.Height)
	e.cid(b.ParentStateRoot)
	e.cid(b.ParentMessageReceipts)
	e.cid(b.Messages)
	e.put(b.BLSAggregate)
	e.uint(b.Timestamp)
	e.put(b.BlockSig)
	e.uint(b.ForkSignaling)
	e.amount(b.ParentBaseFee)
	if e.err != nil {
		return cid.Undef, e.err
	}
	return abi.CidBuilder.Sum(e.finish())
}

// newTipset makes the block of an epoch on top of parent. Blocks of different
// forks differ.
func newTipset(miner address.Address, parent cid.Cid, fork uint64, height abi.ChainEpoch, genesis int64) (tipset, error) {
	root, err := abi.CidBuilder.Sum([]byte{0x80})
	if err != nil {
		return tipset{}, err
	}
	proof := func(kind string) []byte {
		seed := binary.BigEndian.AppendUint64(append([]byte(kind), parent.Bytes()...), uint64(height))
		if fork > 0 {
			seed = binary.BigEndian.AppendUint64(seed, fork)
		}
		sum := blake2b.Sum256(seed)
		return sum[:]
	}
	b := &blockHeader{
		Miner:                 miner,
		Ticket:                &ticket{proof("ticket")},
		ElectionProof:         &electionProof{1, proof("election")},
		BeaconEntries:         []beaconEntry{},
		WinPoStProof:          []windowPoSt{},
		Parents:               []cid.Cid{parent},
		ParentWeight:          big.NewInt(int64(height)),
		Height:                height,
		ParentStateRoot:       root,
		ParentMessageReceipts: root,
		Messages:              root,
		BLSAggregate:          &crypto.Signature{Type: crypto.SigTypeBLS, Data: make([]byte, 96)},
		Timestamp:             uint64(genesis + int64(height)*builtin.EpochDurationSeconds),
		BlockSig:              &crypto.Signature{Type: crypto.SigTypeBLS, Data: make([]byte, 96)},
		ParentBaseFee:         big.NewInt(baseFee),
	}
	c, err := b.cid()
	if err != nil {
		return tipset{}, err
	}
	return tipset{Cids: []cid.Cid{c}, Blocks: []*blockHeader{b}, Height: height}, nil
}
