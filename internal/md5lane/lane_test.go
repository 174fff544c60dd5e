package md5lane

import (
	"crypto/md5"
	"runtime"
	"testing"
)

// Bodies that are done cost nothing, and leave as many lanes as were in use at once.
func TestLanesAreUsedAgain(t *testing.T) {
	piece := make([]byte, largePiece)
	for range fewBodies { // so that all others get lanes
		h := New()
		h.Write(piece)
		defer h.Close()
	}
	before := lanes()
	for i := range 2000 {
		h := New()
		h.Write(piece[:largePiece-i%2*64])
		h.Write(piece)
		if i%3 > 0 { // else the body breaks off
			if got, want := [16]byte(h.Sum(nil)), md5.Sum(append(piece[:largePiece-i%2*64:largePiece-i%2*64], piece...)); got != want {
				t.Fatalf("body %d: MD5 %x, want %x", i, got, want)
			}
		}
		h.Close()
	}
	if n := lanes(); n > before+1 {
		t.Errorf("%d lanes after 2000 bodies one by one, %d before", n, before)
	}
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	if m.HeapAlloc > 64<<20 {
		t.Errorf("%d MiB on the heap", m.HeapAlloc>>20)
	}
}

func lanes() int {
	idleMu.Lock()
	defer idleMu.Unlock()
	return len(idle)
}
