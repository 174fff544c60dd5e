package sandbox

import (
	"os"
	"strings"
	"testing"
)

// TestDocs: docs/sandbox.md names every method and every mode.
func TestDocs(t *testing.T) {
	b, err := os.ReadFile("../../docs/sandbox.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for method := range rpcMethods() {
		if name := strings.TrimPrefix(method, "Filecoin."); !strings.Contains(text, "`"+name+"`") {
			t.Errorf("method %s is not in docs/sandbox.md", name)
		}
	}
	for _, modes := range []map[string]string{Modes(), RPCModes()} {
		for mode := range modes {
			if !strings.Contains(text, "`"+mode+"`") {
				t.Errorf("mode %s is not in docs/sandbox.md", mode)
			}
		}
	}
}
