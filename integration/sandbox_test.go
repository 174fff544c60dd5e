//go:build integration

package integration

import (
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"testing"
)

// TestSandboxCommands: the commands that play the network reach the one that a
// node runs, and what they do is seen from outside.
func TestSandboxCommands(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "--sandbox", "--sandbox-rpcs", "2", "--sandbox-epoch", "1h", "--sandbox-wallet", "3.5", "--sandbox-escrow", "0")
	urls := strings.Split(s.addr["sandbox"], ",")
	if len(urls) != 2 {
		t.Fatalf("endpoints are %q, want two", urls)
	}
	call := func(url, method, params string) string {
		t.Helper()
		body := fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"Filecoin.%s","params":[%s]}`, method, params)
		res, err := http.Post(url, "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var out strings.Builder
		if err := res.Write(&out); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	sees := func(method, params, want string) {
		t.Helper()
		if got := call(urls[1], method, params); !strings.Contains(got, want) {
			t.Errorf("%s(%s) = %s, want %s in it", method, params, got, want)
		}
	}
	s.run("sandbox", "rpc", "fail", "0", "rate-limit")
	if got := call(urls[0], "ChainHead", ""); !strings.Contains(got, "429") {
		t.Errorf("a limited endpoint answers %s", got)
	}
	if got := s.run("sandbox", "rpc", "ls"); !strings.Contains(got, "rate-limit") || !strings.Contains(got, urls[1]) {
		t.Errorf("endpoints are listed as %s", got)
	}
	wallet := strings.TrimSpace(s.run("deal", "wallet"))
	sees("WalletBalance", `"`+wallet+`"`, `"3500000000000000000"`)
	sees("StateMarketBalance", `"`+wallet+`",null`, `"Escrow":"0"`)
	const somebody = "f1abjxfbp274xpdqcpuaykwkfb43omjotacm2p3za"
	s.run("sandbox", "faucet", somebody, "2.5")
	sees("WalletBalance", `"`+somebody+`"`, `"2500000000000000000"`)
	s.run("sandbox", "faucet", "--escrow", somebody, "1")
	sees("StateMarketBalance", `"`+somebody+`",null`, `"Escrow":"1000000000000000000"`)
	s.run("sandbox", "network-version", "28")
	sees("StateNetworkVersion", "null", `"result":28`)
	s.run("sandbox", "datacap", somebody, "4096")
	sees("StateVerifiedClientStatus", `"`+somebody+`",null`, `"4096"`)
	before := call(urls[1], "ChainHead", "")
	s.run("sandbox", "advance", "20")
	s.run("sandbox", "reorg", "5", "--drop")
	if after := call(urls[1], "ChainHead", ""); after == before {
		t.Error("the head has not moved")
	}
	s.run("sandbox", "provider", "ask", "f01000", "--price", "7")
	s.run("sandbox", "provider", "auto-import", "f01000", "on")
	s.run("sandbox", "provider", "fail", "f01001", "trickle")
	if got := s.run("sandbox", "provider", "ls"); !strings.Contains(got, "trickle") {
		t.Errorf("providers are listed as %s", got)
	}
	for _, args := range [][]string{
		{"rpc", "fail", "2", "down"}, {"rpc", "fail", "0", "odd"}, {"rpc", "fail", "x", "down"}, {"faucet", somebody, "much"},
		{"reorg", "0"}, {"reorg", "99999"}, {"provider", "ask", "f01000", "--max-piece", "5"}, {"provider", "auto-import", "f01000", "maybe"},
		{"provider", "import", "f01000", "no-deal", "file"}, {"network-version", "9"}, {"datacap", somebody, "-1"},
	} {
		cmd := exec.Command(binary, append(append([]string{"sandbox"}, args...), "--data", s.data)...)
		if out, err := cmd.CombinedOutput(); err == nil {
			t.Errorf("whypfs sandbox %v succeeded: %s", args, out)
		}
	}
}
