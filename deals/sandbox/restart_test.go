package sandbox_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/whypfs/whypfs/deals/sandbox"
)

// again closes a network and opens it on the same directory, for the same
// client.
func (n *network) again(dir string, providers int) *network {
	n.t.Helper()
	must(n.t, n.Close())
	out := openNetwork(n.t, dir, providers)
	out.key, out.client, out.data = n.key, n.client, n.data
	return out
}

// compareStates wants a network as it was.
func compareStates(t *testing.T, after, before sandbox.State) {
	t.Helper()
	if after.Height != before.Height {
		t.Errorf("at height %d, was at %d", after.Height, before.Height)
	}
	for i, p := range after.Providers {
		was := before.Providers[i]
		if p.Peer != was.Peer || p.P2P != was.P2P || p.HTTP != was.HTTP || p.Mode != was.Mode || p.Pieces != was.Pieces {
			t.Errorf("provider is %+v, was %+v", p, was)
		}
		for j, d := range p.Deals {
			if !d.Accepted.Equal(was.Deals[j].Accepted) {
				t.Errorf("deal accepted %v, was %v", d.Accepted, was.Deals[j].Accepted)
			}
			d.Accepted = was.Deals[j].Accepted
			if d != was.Deals[j] {
				t.Errorf("deal is %+v, was %+v", d, was.Deals[j])
			}
		}
	}
}

// TestRestart closes the network with deals at every step and takes up each.
func TestRestart(t *testing.T) {
	dir := t.TempDir()
	n := openNetwork(t, dir, 2)
	must(t, n.Fund(n.client.String()))
	active := n.deal("f01000", plainPiece(t, 70))
	n.waitStep(active.DealUUID, "transferred")
	n.advance(8)
	n.waitStep(active.DealUUID, "active")
	must(t, n.Fail("f01000", "no-seal"))
	published := n.deal("f01000", plainPiece(t, 71))
	n.waitStep(published.DealUUID, "transferred")
	n.advance(5)
	n.waitStep(published.DealUUID, "published")
	transferred := n.deal("f01000", plainPiece(t, 72))
	n.waitStep(transferred.DealUUID, "transferred")
	release := make(chan struct{})
	n.data.wrap(func(h http.Handler) http.Handler { // holds this transfer up
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			select {
			case <-r.Context().Done():
			case <-release:
				h.ServeHTTP(w, r)
			}
		})
	})
	accepted := n.deal("f01001", plainPiece(t, 73))
	before, rpc := n.Snapshot(), n.RPC()
	msg, err := active.ClientDealProposal.Proposal.Cid()
	must(t, err)

	n = n.again(dir, 2)
	if n.RPC() != rpc {
		t.Errorf("the chain is at %s, was at %s", n.RPC(), rpc)
	}
	after := n.Snapshot()
	compareStates(t, after, before)
	if d, _ := findDeal(after, active.DealUUID); n.dealID(mustCID(t, d.Publish), msg) != d.ChainID {
		t.Error("the receipt of the first message is lost")
	}
	if st := n.status("f01000", published.DealUUID); st.Error != "" || st.DealStatus.Status != "IndexedAndAnnounced" {
		t.Errorf("status is %+v", st)
	}
	close(release)
	must(t, n.Fail("f01000", "none"))
	n.waitStep(accepted.DealUUID, "transferred")
	n.advance(10)
	for _, id := range []uuid.UUID{active.DealUUID, published.DealUUID, transferred.DealUUID, accepted.DealUUID} {
		n.waitStep(id, "active")
	}
}

// TestMoreProviders: asking for more adds them, asking for fewer drops none.
func TestMoreProviders(t *testing.T) {
	dir := t.TempDir()
	n := openNetwork(t, dir, 1)
	peer := n.provider("f01000").Peer
	n = n.again(dir, 3)
	if got := n.Providers(); len(got) != 3 || n.provider("f01000").Peer != peer {
		t.Errorf("providers %v", got)
	}
	n = n.again(dir, 1)
	if got := n.Providers(); len(got) != 3 {
		t.Errorf("providers %v", got)
	}
}

// TestBusyPorts: another program has taken our ports, so we take others and
// the chain says so.
func TestBusyPorts(t *testing.T) {
	dir := t.TempDir()
	first := openNetwork(t, dir, 1)
	other := t.TempDir()
	must(t, first.Close())
	copyState(t, dir, other)
	first = openNetwork(t, dir, 1)
	second := openNetwork(t, other, 1)
	if first.RPC() == second.RPC() || first.provider("f01000").HTTP == second.provider("f01000").HTTP {
		t.Errorf("both serve on %s and %s", first.RPC(), first.provider("f01000").HTTP)
	}
	if _, err := second.connect("f01000"); err != nil {
		t.Errorf("connect: %v", err)
	}
}

func copyState(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(from, "sandbox.db"))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(to, "sandbox.db"), b, 0o600))
}

const killDir = "SANDBOX_TEST_KILL_DIR"

// TestKill kills a process that runs a sandbox and takes up its network: what
// it answered is there, and no height comes twice.
func TestKill(t *testing.T) {
	if dir := os.Getenv(killDir); dir != "" {
		runUntilKilled(t, dir)
		return
	}
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run=^TestKill$")
	cmd.Env = append(os.Environ(), killDir+"="+dir)
	stdin, err := cmd.StdinPipe() // ends with this process, and the other with it
	must(t, err)
	defer stdin.Close()
	stdout, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	line, err := bufio.NewReader(stdout).ReadString('\n')
	must(t, err)
	rpc := strings.TrimSpace(line)
	seen, err := headOf(t, rpc)
	must(t, err)
	must(t, cmd.Process.Kill())
	_ = cmd.Wait()
	again := openNetwork(t, dir, 1)
	if again.RPC() != rpc {
		t.Errorf("serves on %s, did on %s", again.RPC(), rpc)
	}
	if h := again.Height(); h < seen || h > seen+40 {
		t.Errorf("height %d, the killed process was at %d", h, seen)
	}
	s := again.Snapshot()
	if len(s.Providers[0].Deals) != 1 || s.Providers[0].Mode != "no-seal" {
		t.Fatalf("state is %+v", s)
	}
	again.wait("transferred", func(s sandbox.State) bool {
		return s.Providers[0].Deals[0].Step != "accepted"
	})
}

// runUntilKilled serves a network with a deal on chain.
func runUntilKilled(t *testing.T, dir string) {
	n := openNetwork(t, dir, 1)
	must(t, n.Fund(n.client.String()))
	dp := n.deal("f01000", plainPiece(t, 75))
	n.waitStep(dp.DealUUID, "transferred")
	must(t, n.Fail("f01000", "no-seal"))
	n.run()
	n.waitStep(dp.DealUUID, "published")
	_, err := fmt.Println(n.RPC())
	must(t, err)
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// TestClose: a closed network answers nobody, and closing twice is fine.
func TestClose(t *testing.T) {
	n := openNetwork(t, t.TempDir(), 1)
	must(t, n.Close())
	must(t, n.Close())
	if err := n.Advance(context.Background(), 1); err == nil {
		t.Error("a closed chain advances")
	}
	if err := n.Fund(n.client.String()); err == nil {
		t.Error("a closed chain takes money")
	}
	if _, err := n.Wait(context.Background(), func(sandbox.State) bool { return false }); err == nil {
		t.Error("Wait on a closed network ended well")
	}
	if _, err := headOf(t, n.RPC()); err == nil {
		t.Error("a closed chain answers")
	}
}
