package main

import (
	"errors"
	"log/slog"
	"os"
	"testing"

	"github.com/whypfs/whypfs/kv"
)

// TestMetadataMoves takes metadata from one store to the other and back, with a
// stop at each point where the process can die.
func TestMetadataMoves(t *testing.T) {
	m := metadata{data: t.TempDir(), log: slog.New(slog.DiscardHandler)}
	key := kv.Key("row")
	use := func(want string, fn func(kv.Tx) error) {
		t.Helper()
		s, err := m.open(t.Context(), want)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(s.Update(t.Context(), fn), s.Close()); err != nil {
			t.Fatalf("with --meta=%s: %v", want, err)
		}
	}
	there := func(tx kv.Tx) error { _, err := tx.Get(key); return err }
	wantOnly := func(kind string) {
		t.Helper()
		for _, k := range []string{metaBolt, metaPebble} {
			if _, err := os.Stat(m.path(k)); (err == nil) != (k == kind) {
				t.Errorf("%s: %v; want %s alone", m.path(k), err, kind)
			}
		}
	}
	use("", func(tx kv.Tx) error { return tx.Put(key, []byte("value")) })
	wantOnly(metaPebble)
	for _, kind := range []string{metaBolt, metaPebble, metaBolt, metaPebble} {
		// What an interrupted copy has left.
		if err := os.MkdirAll(m.path(kind)+metaNew+"/x", 0o700); err != nil {
			t.Fatal(err)
		}
		use(kind, there)
		wantOnly(kind)
		use("", there)
		wantOnly(kind)
	}
	// Died between the new name and the old one's.
	for _, want := range []string{metaBolt, metaPebble, ""} {
		have, err := m.have("")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.copy(t.Context(), other(have), m.path(other(have)), have); err != nil {
			t.Fatal(err)
		}
		use(want, there)
		if want == "" {
			want = metaPebble
		}
		wantOnly(want)
	}
}
