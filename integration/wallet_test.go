//go:build integration

package integration

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestWalletCommands: keys are made, imported, exported and chosen by command,
// with the node and without it, and the log tells none of them.
func TestWalletCommands(t *testing.T) {
	t.Parallel()
	const (
		lotus   = `{"Type":"secp256k1","PrivateKey":"8VcW07ADswS4BV2cxi5rnIadVsyTDDhY1NfDH19T8Uo="}`
		address = "f1d2xrzcslx7xlbbylc5c3d5lvandqw4iwl6epxba"
	)
	s := start(t, t.TempDir())
	first := strings.TrimSpace(s.run("deal", "wallet"))
	file := filepath.Join(t.TempDir(), "lotus.key")
	if err := os.WriteFile(file, []byte(lotus), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSpace(s.run("wallet", "import", file)); got != address {
		t.Fatalf("import gave %q, want %s", got, address)
	}
	eth := strings.TrimSpace(s.run("wallet", "new", "--type", "delegated"))
	s.run("wallet", "default", address)
	list := s.run("wallet", "ls")
	for _, a := range []string{first, address, eth, "0x"} {
		if !strings.Contains(list, a) {
			t.Errorf("wallet ls does not list %s:\n%s", a, list)
		}
	}
	if got := strings.TrimSpace(s.run("deal", "wallet")); got != address {
		t.Errorf("deals are paid by %s, want %s", got, address)
	}
	if got := s.run("wallet", "export", address); !strings.Contains(got, hex.EncodeToString([]byte(lotus))+"\n") || !strings.Contains(got, "secret key") {
		t.Error("export is not what Lotus takes, with a warning")
	}
}

// TestEscrowTopUp: the node fills its escrow from its wallet, and one that is
// killed meanwhile does not pay twice.
func TestEscrowTopUp(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	args := []string{"--sandbox", "--sandbox-epoch", "100ms", "--sandbox-wallet", "5", "--sandbox-escrow", "0",
		"--escrow-topup", "1", "--escrow-daily-limit", "4", "--escrow-low", "0.5"}
	s := start(t, dir, args...)
	s.kill() // somewhere on the way
	s = start(t, dir, args...)
	type funds struct{ Escrow, Today, Reason string }
	var got []funds
	for range 300 {
		if got = list[funds](s, "wallet", "balance"); len(got) == 1 && got[0].Escrow == "1 FIL" && got[0].Reason == "" {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if len(got) != 1 || got[0] != (funds{"1 FIL", "1 FIL", ""}) {
		t.Errorf("the wallet has %+v, want 1 FIL moved into escrow", got)
	}
	if text := s.run("chain", "status"); !strings.Contains(text, "network version 29") || !strings.Contains(text, "1 FIL") {
		t.Errorf("chain status says\n%s", text)
	}
}
