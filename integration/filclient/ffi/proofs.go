package ffi

import (
	"os"

	"github.com/filecoin-project/go-state-types/abi"
	"github.com/filecoin-project/go-state-types/proof"
	"github.com/ipfs/go-cid"
)

// PrivateSectorInfo is a sector and where its files are.
type PrivateSectorInfo struct {
	proof.SectorInfo
	CacheDirPath     string
	PoStProofType    abi.RegisteredPoStProof
	SealedSectorPath string
}

// SortedPrivateSectorInfo would be sectors in the order of a proof. Nothing here proves, so it holds none.
type SortedPrivateSectorInfo struct{}

func NewSortedPrivateSectorInfo(...PrivateSectorInfo) SortedPrivateSectorInfo {
	return SortedPrivateSectorInfo{}
}

// FallbackChallenges is which parts of which sectors are to be proved.
type FallbackChallenges struct {
	Sectors    []abi.SectorNumber
	Challenges map[abi.SectorNumber][]uint64
}

type PartitionProof proof.PoStProof

func VerifySeal(proof.SealVerifyInfo) (bool, error) { return false, ErrNotHere }

func VerifyAggregateSeals(proof.AggregateSealVerifyProofAndInfos) (bool, error) {
	return false, ErrNotHere
}

func VerifyWinningPoSt(proof.WinningPoStVerifyInfo) (bool, error) { return false, ErrNotHere }

func VerifyWindowPoSt(proof.WindowPoStVerifyInfo) (bool, error) { return false, ErrNotHere }

func SealPreCommitPhase1(abi.RegisteredSealProof, string, string, string, abi.SectorNumber, abi.ActorID, abi.SealRandomness, []abi.PieceInfo) ([]byte, error) {
	return nil, ErrNotHere
}

func SealPreCommitPhase2([]byte, string, string) (sealed, unsealed cid.Cid, err error) {
	return cid.Undef, cid.Undef, ErrNotHere
}

func SealCommitPhase1(abi.RegisteredSealProof, cid.Cid, cid.Cid, string, string, abi.SectorNumber, abi.ActorID, abi.SealRandomness, abi.InteractiveSealRandomness, []abi.PieceInfo) ([]byte, error) {
	return nil, ErrNotHere
}

func SealCommitPhase2([]byte, abi.SectorNumber, abi.ActorID) ([]byte, error) {
	return nil, ErrNotHere
}

func AggregateSealProofs(proof.AggregateSealVerifyProofAndInfos, [][]byte) ([]byte, error) {
	return nil, ErrNotHere
}

func UnsealRange(abi.RegisteredSealProof, string, *os.File, *os.File, abi.SectorNumber, abi.ActorID, abi.SealRandomness, cid.Cid, uint64, uint64) error {
	return ErrNotHere
}

func GenerateWinningPoStSectorChallenge(abi.RegisteredPoStProof, abi.ActorID, abi.PoStRandomness, uint64) ([]uint64, error) {
	return nil, ErrNotHere
}

func GenerateWinningPoSt(abi.ActorID, SortedPrivateSectorInfo, abi.PoStRandomness) ([]proof.PoStProof, error) {
	return nil, ErrNotHere
}

func GenerateWindowPoSt(abi.ActorID, SortedPrivateSectorInfo, abi.PoStRandomness) ([]proof.PoStProof, []abi.SectorNumber, error) {
	return nil, nil, ErrNotHere
}

func GeneratePoStFallbackSectorChallenges(abi.RegisteredPoStProof, abi.ActorID, abi.PoStRandomness, []abi.SectorNumber) (*FallbackChallenges, error) {
	return nil, ErrNotHere
}

func GenerateSingleVanillaProof(PrivateSectorInfo, []uint64) ([]byte, error) {
	return nil, ErrNotHere
}

func GenerateWinningPoStWithVanilla(abi.RegisteredPoStProof, abi.ActorID, abi.PoStRandomness, [][]byte) ([]proof.PoStProof, error) {
	return nil, ErrNotHere
}

func GenerateSinglePartitionWindowPoStWithVanilla(abi.RegisteredPoStProof, abi.ActorID, abi.PoStRandomness, [][]byte, uint) (*PartitionProof, error) {
	return nil, ErrNotHere
}

func MergeWindowPoStPartitionProofs(abi.RegisteredPoStProof, []PartitionProof) (*proof.PoStProof, error) {
	return nil, ErrNotHere
}

func GetGPUDevices() ([]string, error) { return nil, ErrNotHere }

func ClearCache(uint64, string) error { return ErrNotHere }

// SectorUpdate holds the functions that put data into a sealed sector.
var SectorUpdate FunctionsSectorUpdate

type FunctionsSectorUpdate struct{}

func (FunctionsSectorUpdate) EncodeInto(abi.RegisteredUpdateProof, string, string, string, string, string, []abi.PieceInfo) (sealed, unsealed cid.Cid, err error) {
	return cid.Undef, cid.Undef, ErrNotHere
}

func (FunctionsSectorUpdate) DecodeFrom(abi.RegisteredUpdateProof, string, string, string, string, cid.Cid) error {
	return ErrNotHere
}

func (FunctionsSectorUpdate) RemoveData(abi.RegisteredUpdateProof, string, string, string, string, string, cid.Cid) error {
	return ErrNotHere
}

func (FunctionsSectorUpdate) GenerateUpdateVanillaProofs(abi.RegisteredUpdateProof, cid.Cid, cid.Cid, cid.Cid, string, string, string, string) ([][]byte, error) {
	return nil, ErrNotHere
}

func (FunctionsSectorUpdate) GenerateUpdateProofWithVanilla(abi.RegisteredUpdateProof, cid.Cid, cid.Cid, cid.Cid, [][]byte) ([]byte, error) {
	return nil, ErrNotHere
}

func (FunctionsSectorUpdate) VerifyUpdateProof(proof.ReplicaUpdateInfo) (bool, error) {
	return false, ErrNotHere
}
