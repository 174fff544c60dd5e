package chain

import (
	"bytes"
	"testing"

	"github.com/filecoin-project/go-address"
	"github.com/filecoin-project/go-bitfield"
	"github.com/filecoin-project/go-state-types/abi"
	"github.com/filecoin-project/go-state-types/big"
	"github.com/filecoin-project/go-state-types/builtin/v9/market"
	"github.com/filecoin-project/go-state-types/crypto"
	"github.com/ipfs/go-cid"
)

const somePiece = "baga6ea4seaqao7s73y24kcutaosvacpdjgfe5pw76ooefnyqw4ynr3d2y6x2mpq"

func someProposal(t testing.TB) market.DealProposal {
	t.Helper()
	piece, err := cid.Decode(somePiece)
	if err != nil {
		t.Fatal(err)
	}
	client, _ := address.NewFromString("f1d2xrzcslx7xlbbylc5c3d5lvandqw4iwl6epxba")
	miner, _ := address.NewIDAddress(1003)
	label, _ := market.NewLabelFromString("label")
	return market.DealProposal{PieceCID: piece, PieceSize: 32 << 20, Client: client, Provider: miner, Label: label,
		StartEpoch: 9000, EndEpoch: 600_000, StoragePricePerEpoch: big.NewInt(7),
		ProviderCollateral: big.NewInt(120), ClientCollateral: big.Zero()}
}

func TestPublishedID(t *testing.T) {
	var params market.PublishStorageDealsParams
	for i := range 4 {
		p := someProposal(t)
		p.StartEpoch += abi.ChainEpoch(i)
		params.Deals = append(params.Deals, market.ClientDealProposal{Proposal: p, ClientSignature: crypto.Signature{Type: crypto.SigTypeSecp256k1, Data: []byte{byte(i)}}})
	}
	ret := market.PublishStorageDealsReturn{
		IDs: []abi.DealID{70, 71, 73}, ValidDeals: bitfield.NewFromSet([]uint64{0, 1, 3}), // the third was thrown out
	}
	var pb, rb bytes.Buffer
	if err := params.MarshalCBOR(&pb); err != nil {
		t.Fatal(err)
	}
	if err := ret.MarshalCBOR(&rb); err != nil {
		t.Fatal(err)
	}
	for i, want := range []uint64{70, 71, 0, 73} {
		got, err := PublishedID(pb.Bytes(), rb.Bytes(), &params.Deals[i].Proposal)
		if got != want || (want == 0) != (err == ErrInvalidDeal) {
			t.Errorf("deal %d: id %d, %v, want %d", i, got, err, want)
		}
	}
	other := someProposal(t)
	other.PieceSize = 64 << 20
	if id, err := PublishedID(pb.Bytes(), rb.Bytes(), &other); err == nil {
		t.Errorf("a deal that is not in the message has id %d", id)
	}
}

func TestDiffers(t *testing.T) {
	want := someProposal(t)
	self, _ := address.NewIDAddress(55)
	other, _ := address.NewIDAddress(56)
	onChain := want
	onChain.Client = self // the market stores id addresses
	if diff := Differs(&onChain, &want, self); diff != "" {
		t.Errorf("our deal differs: %s", diff)
	}
	for name, change := range map[string]func(*market.DealProposal){
		"piece":    func(p *market.DealProposal) { p.PieceCID = cid.NewCidV1(cid.Raw, p.PieceCID.Hash()) },
		"size":     func(p *market.DealProposal) { p.PieceSize *= 2 },
		"client":   func(p *market.DealProposal) { p.Client = other },
		"provider": func(p *market.DealProposal) { p.Provider = other },
		"start":    func(p *market.DealProposal) { p.StartEpoch++ },
		"end":      func(p *market.DealProposal) { p.EndEpoch-- },
		"verified": func(p *market.DealProposal) { p.VerifiedDeal = true },
		"price":    func(p *market.DealProposal) { p.StoragePricePerEpoch = big.NewInt(8) },
		"label":    func(p *market.DealProposal) { p.Label = market.EmptyDealLabel },
		"deposit":  func(p *market.DealProposal) { p.ClientCollateral = big.NewInt(1) },
		"nothing":  func(p *market.DealProposal) { *p = market.DealProposal{} },
	} {
		got := onChain
		change(&got)
		if Differs(&got, &want, self) == "" {
			t.Errorf("%s: taken for our deal", name)
		}
	}
}
