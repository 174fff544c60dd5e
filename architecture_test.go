// Package whypfs holds only the test of the import rule that ARCHITECTURE.md states.
package whypfs

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/whypfs/whypfs/"

// layers of the packages; a package imports only lower ones.
var layers = map[string]int{
	"internal":      -1,
	"kv":            0,
	"node":          0,
	"queue":         1,
	"accounts":      1,
	"client":        1,
	"buckets":       2,
	"deals":         2,
	"deals/sandbox": 2, // stands for foreign software: imports internal only
	"explain":       3,
	"collections":   3,
	"importv1":      4,
	"s3":            4,
	"estuaryapi":    4,
	"web":           4,
	"cmd":           5,
	"integration":   6,
}

// rooms inside deals, and which of the others each may import. They form one
// direction of thought, from what deals are made of to deals, which may import
// all of them.
var rooms = map[string][]string{
	"deals/chain":     {},
	"deals/wallet":    {},
	"deals/mk12":      {},
	"deals/filclient": {"deals/chain", "deals/mk12"},
	"deals/piece":     {"deals/proof"},
	"deals/proof":     {"deals/chain"},
	"deals/retrieve":  {"deals/piece"},
}

// foreign dependencies that only one package may know, because it wraps them.
var wrapped = map[string][]string{
	"github.com/ipfs/boxo":                   {"node"},
	"github.com/cockroachdb/pebble":          {"node", "kv"},
	"github.com/ipfs/go-ds-pebble":           {"node"},
	"github.com/libp2p/go-libp2p-kad-dht":    {"node"},
	"github.com/libp2p/go-libp2p":            {"node", "deals/sandbox"},
	"go.etcd.io/bbolt":                       {"kv", "deals/sandbox"},
	"github.com/johannesboyne/gofakes3":      {"s3"},
	"github.com/filecoin-project/go-jsonrpc": {},
	"github.com/filecoin-shipyard/boostly":   {"deals", "deals/sandbox"},
	"github.com/filecoin-project/go-address": {"accounts", "deals", "deals/sandbox"},
	"github.com/prysmaticlabs/gohashtree":    {"internal"},
}

type pkg struct {
	ImportPath string
	Imports    []string
}

func TestImports(t *testing.T) {
	for _, p := range list(t) {
		from := room(p.ImportPath)
		if _, ok := layers[from]; !ok && from != "" {
			t.Errorf("%s has no layer: give it one here and in ARCHITECTURE.md", p.ImportPath)
			continue
		}
		for _, imp := range p.Imports {
			checkOurs(t, p.ImportPath, from, imp)
			checkWrapped(t, p.ImportPath, from, imp)
		}
	}
}

func checkOurs(t *testing.T, path, from, imp string) {
	t.Helper()
	if !strings.HasPrefix(imp, module) {
		return
	}
	to := room(imp)
	switch {
	case from == "deals" && to == "deals":
		checkRoom(t, strings.TrimPrefix(path, module), strings.TrimPrefix(imp, module))
	case to == from && from != "internal":
	case from == "internal":
		t.Errorf("%s imports %s: internal packages import nothing of ours", path, imp)
	case from == "deals/sandbox" && to != "internal":
		t.Errorf("%s imports %s: the sandbox stands for foreign software", path, imp)
	case layers[to] >= layers[from]:
		t.Errorf("%s (layer %d) imports %s (layer %d): only lower layers are allowed", path, layers[from], imp, layers[to])
	}
}

func checkRoom(t *testing.T, path, imp string) {
	t.Helper()
	allowed, ok := rooms[path]
	_, known := rooms[imp]
	switch {
	case path == "deals" && known:
	case !ok:
		t.Errorf("%s has no place among the rooms of deals: give it one here and in ARCHITECTURE.md", path)
	case !slices.Contains(allowed, imp):
		t.Errorf("%s imports %s: of the rooms of deals only %v are allowed", path, imp, allowed)
	}
}

func checkWrapped(t *testing.T, path, from, imp string) {
	t.Helper()
	// The packages of libp2p that only describe types are not the host side.
	if strings.HasPrefix(imp, "github.com/libp2p/go-libp2p/core") {
		return
	}
	for dep, users := range wrapped {
		if imp != dep && !strings.HasPrefix(imp, dep+"/") {
			continue
		}
		allowed := false
		for _, u := range users {
			allowed = allowed || u == from
		}
		if !allowed {
			t.Errorf("%s imports %s, which only %v may", path, imp, users)
		}
	}
}

// room is the folder that decides a package's layer.
func room(path string) string {
	rest := strings.TrimPrefix(path, module)
	if rest == path {
		return ""
	}
	if rest == "deals/sandbox" || strings.HasPrefix(rest, "deals/sandbox/") {
		return "deals/sandbox"
	}
	first, _, _ := strings.Cut(rest, "/")
	return first
}

func list(t *testing.T) []pkg {
	t.Helper()
	touch(t)
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	var pkgs []pkg
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
	if len(pkgs) < 10 {
		t.Fatalf("go list found only %d packages", len(pkgs))
	}
	return pkgs
}

// touch looks at every folder of the module, so that go test does not take an
// earlier result for one about what is there now: it cannot see what go list reads.
func touch(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && path != "." && strings.HasPrefix(d.Name(), ".") {
			return filepath.SkipDir
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
