package sandbox

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.etcd.io/bbolt"
)

// TestBrokenStore: when a change cannot be made durable, nothing is answered
// from memory that is ahead of the disk.
func TestBrokenStore(t *testing.T) {
	n, err := Open(t.Context(), Options{Dir: t.TempDir(), Providers: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	if err := n.store.db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := n.Fund(n.chain.accounts[workerOf(firstProvider)].Key.String()); !errors.Is(err, bbolt.ErrDatabaseNotOpen) {
		t.Errorf("Fund = %v", err)
	}
	if err := n.Advance(t.Context(), 1); err == nil {
		t.Error("the chain goes on without a disk")
	}
	w := httptest.NewRecorder()
	n.endpoints[0].serve(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"Filecoin.ChainHead","params":[]}`)))
	if !strings.Contains(w.Body.String(), `"error"`) {
		t.Errorf("ChainHead answers %s", w.Body)
	}
	if _, err := n.providers[0].signedAsk(n.providers[0].addr); err == nil {
		t.Error("the provider gives an ask")
	}
}

// TestCommit: a row that cannot be encoded keeps all others from the disk.
func TestCommit(t *testing.T) {
	s, err := openStore(t.TempDir(), false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.db.Close() })
	s.put("x/1", 1)
	s.put("x/2", func() {})
	if err := s.commit(); err == nil {
		t.Fatal("a function was stored")
	}
	count := func() (n int) {
		if err := load(s, "x/", func(*int) { n++ }); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if count() != 0 {
		t.Error("half a commit is on disk")
	}
	s.put("x/2", 2)
	if err := s.commit(); err != nil || count() != 2 {
		t.Errorf("commit = %v, %d rows", err, count())
	}
	s.remove("x/1")
	if err := s.commit(); err != nil || count() != 1 {
		t.Errorf("commit = %v, %d rows", err, count())
	}
}
