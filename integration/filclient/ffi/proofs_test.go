package ffi_test

import (
	"errors"
	"testing"

	ffi "github.com/filecoin-project/filecoin-ffi"
	"github.com/filecoin-project/go-state-types/proof"
)

// TestNothingVerifies: without the library no proof is valid, and none is said to be.
func TestNothingVerifies(t *testing.T) {
	for name, verify := range map[string]func() (bool, error){
		"seal":    func() (bool, error) { return ffi.VerifySeal(proof.SealVerifyInfo{}) },
		"seals":   func() (bool, error) { return ffi.VerifyAggregateSeals(proof.AggregateSealVerifyProofAndInfos{}) },
		"winning": func() (bool, error) { return ffi.VerifyWinningPoSt(proof.WinningPoStVerifyInfo{}) },
		"window":  func() (bool, error) { return ffi.VerifyWindowPoSt(proof.WindowPoStVerifyInfo{}) },
		"update":  func() (bool, error) { return ffi.SectorUpdate.VerifyUpdateProof(proof.ReplicaUpdateInfo{}) },
	} {
		if ok, err := verify(); ok || !errors.Is(err, ffi.ErrNotHere) {
			t.Errorf("%s: %v, %v", name, ok, err)
		}
	}
	if vm, err := ffi.CreateFVM(new(ffi.FVMOpts)); vm != nil || !errors.Is(err, ffi.ErrNotHere) {
		t.Errorf("a virtual machine: %v, %v", vm, err)
	}
}
