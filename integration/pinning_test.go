//go:build integration

package integration

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// setup makes the first admin and returns his token.
func (s *server) setup() string {
	s.t.Helper()
	out := s.run("setup", "--username", "admin", "--password", "secret123")
	_, token, ok := strings.Cut(strings.TrimSpace(out), "Auth Token: ")
	if !ok {
		s.t.Fatalf("setup prints %q", out)
	}
	return token
}

// The compliance suite of the Pinning Service API passes, in all its checks,
// also for a user who has pins and uploads.
func TestPinningCompliance(t *testing.T) {
	t.Parallel()
	suite, version := jsModule(t, "@ipfs-shipyard/pinning-service-compliance")
	t.Log("pinning-service-compliance", version)
	spec, err := filepath.Abs("testdata/ipfs-pinning-service.yaml")
	if err != nil {
		t.Fatal(err)
	}
	around, err := filepath.Abs("js/pinning.cjs")
	if err != nil {
		t.Fatal(err)
	}
	// It writes its reports beside its code.
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "suite"), os.DirFS(suite)); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Dir(filepath.Dir(suite)), filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	s := start(t, t.TempDir())
	s.makeBucket("films")
	root := s.put("films", "film", blob(3<<20))
	token := s.setup()
	s.pin("add", root, "--user", "admin", "--origin", s.addr["libp2p"])
	s.pin("add", root, "--user", "admin", "--name", "film", "--meta", "k=v")

	cmd := exec.CommandContext(testContext(t), lookPath(t, "node"), "--require", around,
		filepath.Join(dir, "suite", "dist", "src", "index.js"), "-s", s.addr["api"]+"/pinning", token)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "PINNING_SPEC="+spec)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	text, err := os.ReadFile(filepath.Join(dir, "suite", "dist", "docs", "127.0.0.1.json"))
	if err != nil {
		t.Fatalf("no report: %v in\n%s", err, out)
	}
	var result struct {
		Total, Passed, Failed int
		Success               bool
	}
	if err := json.Unmarshal(text, &result); err != nil {
		t.Fatal(err)
	}
	if result.Total != 9 || result.Passed != 9 || !result.Success || strings.ContainsAny(string(out), "❌⚠") || strings.Contains(string(out), "[error]") {
		report, _ := os.ReadFile(filepath.Join(dir, "suite", "dist", "docs", "127.0.0.1.md"))
		t.Errorf("%+v\n%s\n%s", result, out, report)
	}
	if text := s.run("pin", "ls", "--user", "admin", "--limit", "0", "--json"); strings.Count(text, `"ID"`) != 2 {
		t.Errorf("afterwards the user has the pins %s", text)
	}
}
