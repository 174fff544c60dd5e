package deals

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/filecoin-project/go-address"
	"github.com/filecoin-project/go-state-types/big"
	"github.com/filecoin-project/go-state-types/builtin/v9/market"
	"github.com/filecoin-shipyard/boostly"
	"github.com/google/uuid"
	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/deals/wallet"
)

const somePiece = "baga6ea4seaqao7s73y24kcutaosvacpdjgfe5pw76ooefnyqw4ynr3d2y6x2mpq"

func someKey(t testing.TB) *wallet.Key {
	t.Helper()
	k, err := wallet.ParseKey(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func someProposal(t testing.TB, k *wallet.Key) market.DealProposal {
	t.Helper()
	piece, err := cid.Decode(somePiece)
	if err != nil {
		t.Fatal(err)
	}
	miner, _ := address.NewIDAddress(1003)
	label, _ := market.NewLabelFromString("label")
	return market.DealProposal{PieceCID: piece, PieceSize: 32 << 20, Client: k.Address(), Provider: miner, Label: label,
		StartEpoch: 9000, EndEpoch: 600_000, StoragePricePerEpoch: big.NewInt(7),
		ProviderCollateral: big.NewInt(120), ClientCollateral: big.Zero()}
}

// What is sent is what living clients send, and survives being stored.
func TestDealParams(t *testing.T) {
	k := someKey(t)
	signed, id, err := signProposal(k, someProposal(t, k))
	if err != nil {
		t.Fatal(err)
	}
	if c, err := cid.Decode(id); err != nil || c.Prefix().Codec != cid.DagCBOR {
		t.Errorf("proposal CID %s, %v", id, err)
	}
	row := dealRow{Deal: Deal{UUID: uuid.NewString()}, Signed: signed}
	full, err := row.signedProposal()
	if err != nil {
		t.Fatal(err)
	}
	var plain bytes.Buffer
	if err := full.Proposal.MarshalCBOR(&plain); err != nil {
		t.Fatal(err)
	}
	if again := k.Sign(plain.Bytes()); !again.Equals(&full.ClientSignature) {
		t.Error("the signature is not over the proposal's CBOR")
	}
	params := boostly.DealParams{DealUUID: uuid.New(), ClientDealProposal: full, DealDataRoot: full.Proposal.PieceCID,
		Transfer: boostly.Transfer{Type: "http", Params: []byte("{}"), Size: 1}}
	var wire bytes.Buffer
	if err := params.MarshalCBOR(&wire); err != nil {
		t.Fatal(err)
	}
	var got boostly.DealParams
	if err := got.UnmarshalCBOR(&wire); err != nil || !reflect.DeepEqual(got, params) {
		t.Errorf("params %+v, %v, want %+v", got, err, params)
	}
}
