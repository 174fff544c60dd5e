package node

import (
	"errors"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ipfs/boxo/ipns"
	"github.com/ipfs/boxo/path"
)

// sequence is what a record of name on n's disk says.
func sequence(t *testing.T, n *Node, name string) (seq uint64, until time.Time) {
	t.Helper()
	of, err := parseName(name)
	if err != nil {
		t.Fatal(err)
	}
	data, err := n.host.names.records.last(of)
	if err != nil {
		t.Fatal(err)
	}
	rec, err := ipns.UnmarshalRecord(data)
	if err != nil {
		t.Fatal(err)
	}
	if seq, err = rec.Sequence(); err == nil {
		until, err = rec.Validity()
	}
	if err != nil {
		t.Fatal(err)
	}
	return seq, until
}

func TestPublishName(t *testing.T) {
	dir := t.TempDir()
	n := newTestNode(t, Config{Dir: dir, ListenAddrs: []string{loopback}})
	one, two := rawOf(t, "one"), rawOf(t, "two")
	if err := n.PutBlocks(t.Context(), []Block{one, two}, false); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(n.Gateway())
	defer srv.Close()
	var names [2]string
	for i, key := range []string{SelfKey, "my-site"} {
		for j, b := range []Block{one, two} {
			name, err := n.PublishName(t.Context(), key, "/ipfs/"+b.Cid.String(), time.Hour)
			if err != nil {
				t.Fatal(err)
			}
			if names[i] = name; j == 1 && name != names[i] {
				t.Errorf("%s has two names", key)
			}
			res, body := fetchURL(t, "GET", srv.URL+"/ipns/"+name)
			if res.StatusCode != 200 || string(body) != string(b.Data) {
				t.Errorf("%s: %d %q, want %q", key, res.StatusCode, body, b.Data)
			}
			if seq, _ := sequence(t, n, name); seq != uint64(j+1) {
				t.Errorf("%s: sequence %d, want %d", key, seq, j+1)
			}
		}
	}
	if want, err := parseName(n.ID()); err != nil || names[0] != want.String() {
		t.Errorf("the node's own name is %s, want %s, %v", names[0], want, err)
	}
	list, err := n.Names(t.Context())
	if err != nil || len(list) != 2 || list[0].Key != "my-site" || list[0].Name != names[1] ||
		list[0].Value != "/ipfs/"+two.Cid.String() || list[0].TTL != time.Hour || list[1].Key != SelfKey {
		t.Errorf("Names = %+v, %v", list, err)
	}
	if st, err := os.Stat(filepath.Join(dir, keysDir, "my-site")); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("key file: %v, %v; want mode 0600", st, err)
	}
	if err := n.RemoveName(t.Context(), "my-site"); err != nil {
		t.Error(err)
	}
	if err := n.RemoveName(t.Context(), "my-site"); !errors.Is(err, ErrNotFound) {
		t.Errorf("RemoveName again = %v, want ErrNotFound", err)
	}
	if res, _ := fetchURL(t, "GET", srv.URL+"/ipns/"+names[1]); res.StatusCode != 502 {
		t.Errorf("a removed name: %d, want 502", res.StatusCode)
	}
	for _, tt := range []struct{ key, value string }{
		{"../x", "/ipfs/" + one.Cid.String()}, {"", "/ipfs/" + one.Cid.String()}, {"x.tmp-1", "/ipfs/" + one.Cid.String()}, {"UPPER", "/ipfs/" + one.Cid.String()},
		{"fine", "bafy"}, {"fine", "/etc/passwd"},
	} {
		if _, err := n.PublishName(t.Context(), tt.key, tt.value, time.Hour); err == nil {
			t.Errorf("PublishName(%q, %q) succeeded", tt.key, tt.value)
		}
	}
}

// A name of our own stays valid while the node runs, and is made so again by a
// node that was down for long.
func TestNamesAreRenewed(t *testing.T) {
	dir := t.TempDir()
	b := rawOf(t, "x")
	n := newTestNode(t, Config{Dir: dir})
	name, err := n.PublishName(t.Context(), "site", "/ipfs/"+b.Cid.String(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.host.keyring.renew(t.Context()); err != nil {
		t.Fatal(err)
	}
	if seq, _ := sequence(t, n, name); seq != 1 {
		t.Errorf("a fresh record was signed again: sequence %d", seq)
	}
	key, of, err := n.host.keyring.key("site", false)
	if err != nil {
		t.Fatal(err)
	}
	// As it would be after a day, and after a month.
	for _, left := range []time.Duration{nameRenew - time.Minute, -28 * 24 * time.Hour} {
		p, err := path.NewPath("/ipfs/" + b.Cid.String())
		if err != nil {
			t.Fatal(err)
		}
		rec, err := ipns.NewRecord(key, p, 41, time.Now().Add(left), time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		data, err := ipns.MarshalRecord(rec)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(n.host.names.records.file(of), data, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := n.host.keyring.renew(t.Context()); err != nil {
			t.Fatal(err)
		}
		if seq, until := sequence(t, n, name); seq != 42 || time.Until(until) < nameRenew {
			t.Errorf("with %v left: sequence %d, valid for %v", left, seq, time.Until(until))
		}
	}
}

// With a DHT others resolve the name there.
func TestNamesOverDHT(t *testing.T) {
	a := newTestNode(t, Config{ListenAddrs: []string{loopback}, DHT: "server"})
	b := newTestNode(t, Config{ListenAddrs: []string{loopback}, DHT: "server"})
	if err := b.Connect(t.Context(), a.Addrs()[0]); err != nil {
		t.Fatal(err)
	}
	for _, n := range []*Node{a, b} {
		await(t, "a peer in the routing table", func() bool { return n.host.dht.RoutingTable().Size() > 0 })
	}
	block := rawOf(t, "told by the DHT")
	if err := b.PutBlocks(t.Context(), []Block{block}, false); err != nil {
		t.Fatal(err)
	}
	name, err := a.PublishName(t.Context(), "site", "/ipfs/"+block.Cid.String(), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(b.Gateway())
	defer srv.Close()
	if res, body := fetchURL(t, "GET", srv.URL+"/ipns/"+name); res.StatusCode != 200 || string(body) != "told by the DHT" {
		t.Errorf("%d %q", res.StatusCode, body)
	}
}
