// Package cgo declares what Lotus' virtual machine offers to the Rust library.
package cgo

import (
	"context"

	"github.com/filecoin-project/go-address"
	"github.com/filecoin-project/go-state-types/abi"
	"github.com/filecoin-project/go-state-types/crypto"
	blockstore "github.com/ipfs/go-ipfs-blockstore"
)

// ConsensusFault is what a miner did wrong, and when.
type ConsensusFault struct {
	Target address.Address
	Epoch  abi.ChainEpoch
	Type   ConsensusFaultType
}

type ConsensusFaultType int64

const (
	ConsensusFaultNone ConsensusFaultType = iota
	ConsensusFaultDoubleForkMining
	ConsensusFaultParentGrinding
	ConsensusFaultTimeOffsetMining
)

// Externs is what the virtual machine asks of its node.
type Externs interface {
	GetChainRandomness(ctx context.Context, personalization crypto.DomainSeparationTag, epoch abi.ChainEpoch, entropy []byte) ([]byte, error)
	GetBeaconRandomness(ctx context.Context, personalization crypto.DomainSeparationTag, epoch abi.ChainEpoch, entropy []byte) ([]byte, error)
	VerifyConsensusFault(ctx context.Context, h1, h2, extra []byte) (*ConsensusFault, int64)

	blockstore.Blockstore
	blockstore.Viewer
}
