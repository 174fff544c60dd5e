//go:build integration

package integration

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestSecrets gives a node every kind of secret there is, in all the ways that it
// takes them, asks every route of its API about everything, runs its commands,
// and looks for them in what came back and in the log at its most talkative.
func TestSecrets(t *testing.T) {
	secrets := map[string]string{secretKey: "the root's S3 secret"}
	plant := func(what, text string) string { secrets[text] = what; return text }
	t.Setenv("WHYPFS_RPC_TOKEN", plant("the chain's token", "zq7rpctoken7qz"))
	t.Setenv("WHYPFS_WEBHOOK_SECRET", "hook="+plant("a webhook's secret", "zq7hooksecret7qz"))
	chain := "http://operator:" + plant("the chain's password", "zq7rpcpassword7qz") + "@127.0.0.1:1/" + plant("the chain's key in a path", "zq7rpcpath7qz") +
		"?key=" + plant("the chain's key in a query", "zq7rpcquery7qz")
	hook := "hook=http://127.0.0.1:1/" + plant("a webhook's URL", "zq7hookpath7qz")
	s := start(t, t.TempDir(), "--rpc", chain, "--provider", "f01000", "--webhook", hook, "--public-url", "http://127.0.0.1:1", "--log-level", "debug")
	out := s.run("setup", "--username", "admin", "--password", plant("a password", "zq7Password7"))
	_, token, ok := strings.Cut(strings.TrimSpace(out), "Auth Token: ")
	if !ok {
		t.Fatalf("setup printed %q", out)
	}
	plant("a token", token)
	for _, name := range []string{"master.key", "libp2p.key"} {
		raw, err := os.ReadFile(filepath.Join(s.data, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, form := range []string{string(raw), hex.EncodeToString(raw), base64.RawStdEncoding.EncodeToString(raw), base64.RawURLEncoding.EncodeToString(raw)} {
			plant(name, form)
		}
	}
	look := func(where, text string) {
		t.Helper()
		for secret, what := range secrets {
			if strings.Contains(text, secret) {
				t.Errorf("%s tells %s: %.2000s", where, what, text)
			}
		}
	}
	asked := 0
	ask := func(method, path string) string {
		req, err := http.NewRequestWithContext(testContext(t), method, s.addr["api"]+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		res, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatalf("%s %s: %v", method, path, err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatalf("%s %s: %v", method, path, err)
		}
		asked++
		look(method+" "+path, fmt.Sprint(res.Header)+string(body))
		return string(body)
	}
	var doc struct {
		Paths map[string]map[string]any
	}
	if err := json.Unmarshal([]byte(ask(http.MethodGet, "/swagger/doc.json")), &doc); err != nil {
		t.Fatal(err)
	}
	provider, any := regexp.MustCompile(`{(miner|sp)}`), regexp.MustCompile(`{[^}]+}`)
	for path, methods := range doc.Paths {
		path = any.ReplaceAllString(provider.ReplaceAllString(strings.ReplaceAll(path, "{key_or_hash}", token+"x"), "f01000"), "7")
		for method := range methods {
			ask(strings.ToUpper(method), path)
		}
	}
	if asked < 127 {
		t.Errorf("only %d requests were sent", asked)
	}
	for _, path := range []string{"/metrics", "/healthz", "/readyz"} {
		ask(http.MethodGet, path)
	}
	for _, command := range [][]string{{"audit", "ls"}, {"user", "ls", "--json"}, {"key", "ls", "admin"}, {"token", "ls", "admin"}, {"wallet", "ls"}, {"job", "ls", "--json"},
		{"provider", "ls"}, {"bucket", "ls"}, {"invite", "ls"}, {"peer", "ls"}} {
		look("whypfs "+strings.Join(command, " "), s.run(command...))
	}
	s.stop()
	look("the log", s.log.tail(1<<20))
}
