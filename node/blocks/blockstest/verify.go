package blockstest

import (
	"errors"
	"testing"

	"github.com/whypfs/whypfs/node/blocks"
)

func verifyAll(t testing.TB, st blocks.Store, from string) (all []blocks.Verified) {
	t.Helper()
	err := st.Verify(t.Context(), from, func(v blocks.Verified) error {
		all = append(all, v)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Every copy is read again, from the beginning or from any place, and what is
// damaged is named.
func (s suite) verify(t *testing.T) {
	dir := t.TempDir()
	st := s.open(t, dir, Options{})
	bad := large(t, 1)
	want := append(some(t, 0, 30), bad, large(t, 2))
	mustPut(t, st, false, want[:10]...)
	mustPut(t, st, true, want[10:]...)
	for round := range 2 {
		seen := map[string]int{}
		all := verifyAll(t, st, "")
		for i, v := range all {
			seen[string(v.Cid.Hash())] = v.Size
			wrong := round == 1 && v.Cid.Equals(bad.cid)
			if errors.Is(v.Err, blocks.ErrDamaged) != wrong || v.Err != nil && !wrong {
				t.Errorf("Verify of %s = %v, damaged is %v", v.Cid, v.Err, wrong)
			}
			if rest := verifyAll(t, st, v.Place); len(rest) != len(all)-i-1 || len(rest) > 0 && rest[0].Place != all[i+1].Place {
				t.Errorf("Verify from place %d of %d: %d places", i, len(all), len(rest))
			}
		}
		for _, b := range want {
			if size, ok := seen[string(b.cid.Hash())]; !ok || size != len(b.data) {
				t.Errorf("Verify told of %s: %v, %d bytes; want %d", b.cid, ok, size, len(b.data))
			}
		}
		if err := st.Close(); err != nil {
			t.Fatal(err)
		}
		if err := st.Verify(t.Context(), "", func(blocks.Verified) error { return nil }); !errors.Is(err, blocks.ErrClosed) {
			t.Errorf("Verify after Close = %v, want %v", err, blocks.ErrClosed)
		}
		if round == 0 {
			spoil(t, dir, bad.data)
			st = s.open(t, dir, Options{})
		}
	}
}
