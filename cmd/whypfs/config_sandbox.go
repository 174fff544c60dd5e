package main

import (
	"time"

	"github.com/spf13/pflag"

	"github.com/whypfs/whypfs/deals/sandbox"
)

// sandboxSettings are those of the Filecoin network on loopback.
type sandboxSettings struct {
	Sandbox          bool
	SandboxEpoch     time.Duration
	SandboxProviders int
	SandboxRPCs      int
	SandboxOwners    int
	SandboxWallet    string
	SandboxEscrow    string
	SandboxImport    bool
	SandboxShare     bool
}

func (s *sandboxSettings) flags(fs *pflag.FlagSet) {
	fs.BoolVar(&s.Sandbox, "sandbox", false, "add a Filecoin network on loopback: a chain and storage providers")
	fs.DurationVar(&s.SandboxEpoch, "sandbox-epoch", 250*time.Millisecond, "duration of one epoch of the sandbox")
	fs.IntVar(&s.SandboxProviders, "sandbox-providers", 8, "storage providers of the sandbox")
	fs.IntVar(&s.SandboxRPCs, "sandbox-rpcs", 1, "JSON-RPC endpoints of the sandbox's chain")
	fs.IntVar(&s.SandboxOwners, "sandbox-owners", 0, "owners that the sandbox's new providers share; 0: each has its own")
	fs.StringVar(&s.SandboxWallet, "sandbox-wallet", "1", "FIL that the sandbox gives the node's wallet at every start")
	fs.StringVar(&s.SandboxEscrow, "sandbox-escrow", "100", "FIL that the sandbox puts into the escrow of the node's wallet at every start")
	fs.BoolVar(&s.SandboxImport, "sandbox-auto-import", false, "the sandbox's new providers fetch the data of offline deals by the links in them")
	fs.BoolVar(&s.SandboxShare, "sandbox-share-verified", false, "the sandbox's providers take a piece that one of them has verified from its disk, and do not pull it")
}

func (s *sandboxSettings) check(bad func(string, ...any)) {
	if !s.Sandbox {
		return
	}
	if s.SandboxRPCs < 1 || s.SandboxRPCs > 16 || s.SandboxOwners < 0 {
		bad("--sandbox-rpcs is 1 to 16 and --sandbox-owners at least 0")
	}
	if s.SandboxProviders < 1 || s.SandboxProviders > 100 || s.SandboxEpoch < 10*time.Millisecond {
		bad("--sandbox-providers is 1 to 100 and --sandbox-epoch at least 10ms")
	}
	if _, err := sandbox.ParseFIL(s.SandboxWallet); err != nil {
		bad("--sandbox-wallet: %w", err)
	}
	if _, err := sandbox.ParseFIL(s.SandboxEscrow); err != nil {
		bad("--sandbox-escrow: %w", err)
	}
}

// fund gives the node's wallet what the settings say.
func (s *sandboxSettings) fund(n *sandbox.Network, address string) error {
	wallet, err := sandbox.ParseFIL(s.SandboxWallet)
	if err != nil {
		return err
	}
	escrow, err := sandbox.ParseFIL(s.SandboxEscrow)
	if err != nil {
		return err
	}
	return n.Faucet(address, wallet, escrow)
}
