package ffi

import (
	"github.com/filecoin-project/filecoin-ffi/cgo"
	"github.com/filecoin-project/go-state-types/abi"
	"github.com/filecoin-project/go-state-types/network"
	"github.com/ipfs/go-cid"
)

// FVM is the virtual machine. There is none: CreateFVM always fails.
type FVM struct{}

// FVMOpts is what a virtual machine would start from.
type FVMOpts struct {
	FVMVersion     uint64
	Externs        cgo.Externs
	Epoch          abi.ChainEpoch
	Timestamp      uint64
	ChainID        uint64
	BaseFee        abi.TokenAmount
	BaseCircSupply abi.TokenAmount
	NetworkVersion network.Version
	StateBase      cid.Cid
	Tracing        bool
	Debug          bool
	Manifest       cid.Cid
	ActorRedirect  cid.Cid
}

// ApplyRet is what a message did.
type ApplyRet struct {
	Return             []byte
	ExitCode           uint64
	GasUsed            int64
	MinerPenalty       abi.TokenAmount
	MinerTip           abi.TokenAmount
	BaseFeeBurn        abi.TokenAmount
	OverEstimationBurn abi.TokenAmount
	Refund             abi.TokenAmount
	GasRefund          int64
	GasBurned          int64
	ExecTraceBytes     []byte
	FailureInfo        string
	EventsRoot         *cid.Cid
	EventsBytes        []byte
}

func CreateFVM(*FVMOpts) (*FVM, error) { return nil, ErrNotHere }

func (*FVM) ApplyMessage([]byte, uint) (*ApplyRet, error) { return nil, ErrNotHere }

func (*FVM) ApplyImplicitMessage([]byte) (*ApplyRet, error) { return nil, ErrNotHere }

func (*FVM) Flush() (cid.Cid, error) { return cid.Undef, ErrNotHere }
