package segment

import (
	"context"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"
)

// A metadata is what the model of a store's users knows: how many objects hold a block.
type metadata struct {
	mu     sync.Mutex
	owners map[int]int
}

func (m *metadata) add(ids []int, n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, i := range ids {
		m.owners[i] += n
	}
}

func (m *metadata) live(t testing.TB) Live {
	m.mu.Lock()
	defer m.mu.Unlock()
	live := map[int]bool{}
	for i, n := range m.owners {
		live[i] = n > 0
	}
	maps.DeleteFunc(live, func(_ int, l bool) bool { return !l })
	return liveBlocks(t, live)
}

// upload stores an object of some blocks, as a client does: under a lease,
// fetching only what is not here.
func (m *metadata) upload(t testing.TB, s *Store, r *rand.Rand) []int {
	l := s.Lease()
	defer l.Release()
	var ids []int
	for range 1 + r.IntN(6) {
		ids = append(ids, r.IntN(80))
	}
	var missing []block
	for _, i := range ids {
		x := testBlock(t, i)
		if _, ok := s.Find(t.Context(), x.cid); !ok || r.IntN(2) == 0 {
			missing = append(missing, x)
		}
	}
	if err := put(s, r.IntN(2) == 0, missing...); err != nil {
		t.Error(err)
	}
	m.add(ids, 1)
	return ids
}

// use uploads, reads and deletes objects.
func (m *metadata) use(t testing.TB, s *Store, r *rand.Rand) {
	var mine [][]int
	for range 120 {
		if len(mine) > 4 {
			m.add(mine[0], -1)
			mine = mine[1:]
		}
		mine = append(mine, m.upload(t, s, r))
		for _, object := range mine {
			for _, i := range object {
				x := testBlock(t, i)
				if got, err := s.Block(x.cid, false, nil); err != nil || string(got) != string(x.data) {
					t.Errorf("Block %d = %v", i, err)
				}
			}
		}
	}
}

// Uploads, reads and sweeps side by side, against a model of what is live.
func TestConcurrent(t *testing.T) {
	s, err := Open(t.Context(), t.TempDir(), Options{SegmentSize: 16 << 10})
	if err != nil {
		t.Fatal(err)
	}
	m := &metadata{owners: map[int]int{}}
	var users sync.WaitGroup
	for w := range 6 {
		users.Go(func() { m.use(t, s, rand.New(rand.NewPCG(uint64(w), 5))) })
	}
	done := make(chan struct{})
	go func() {
		users.Wait()
		close(done)
	}()
	var removed int64
	for busy := true; busy; {
		select {
		case <-done:
			busy = false // and one last sweep
		default:
		}
		got, err := s.Sweep(t.Context(), func(context.Context) (Live, error) { return m.live(t), nil })
		if err != nil {
			t.Error(err)
		}
		removed += got.Blocks
	}
	if removed == 0 {
		t.Error("the sweeps removed nothing")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
