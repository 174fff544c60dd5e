package blockstest

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/whypfs/whypfs/node/blocks"
)

// A metadata is what the model of a store's users knows: how many objects hold a block.
type metadata struct {
	mu     sync.Mutex
	owners map[int]int
	all    []block
}

func (m *metadata) add(ids []int, n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, i := range ids {
		m.owners[i] += n
	}
}

func (m *metadata) live() blocks.Live {
	m.mu.Lock()
	defer m.mu.Unlock()
	var live []block
	for i, n := range m.owners {
		if n > 0 {
			live = append(live, m.all[i])
		}
	}
	return liveOnly(live...)
}

// upload stores an object of some blocks, as a client does: under a lease,
// fetching only what is not here.
func (m *metadata) upload(t testing.TB, st blocks.Store, r *rand.Rand) []int {
	l := st.Lease()
	defer l.Release()
	var ids []int
	for range 1 + r.IntN(6) {
		ids = append(ids, r.IntN(len(m.all)))
	}
	var missing []block
	for _, i := range ids {
		if _, ok := st.Find(t.Context(), m.all[i].cid); !ok || r.IntN(2) == 0 {
			missing = append(missing, m.all[i])
		}
	}
	if err := put(st, r.IntN(2) == 0, missing...); err != nil {
		t.Error(err)
	}
	m.add(ids, 1)
	return ids
}

// use uploads, reads and deletes objects.
func (m *metadata) use(t testing.TB, st blocks.Store, r *rand.Rand) {
	var mine [][]int
	for range 120 {
		if len(mine) > 4 {
			m.add(mine[0], -1)
			mine = mine[1:]
		}
		mine = append(mine, m.upload(t, st, r))
		for _, object := range mine {
			for _, i := range object {
				if got, err := st.Block(m.all[i].cid, false, nil); err != nil || string(got) != string(m.all[i].data) {
					t.Errorf("Block %d = %v", i, err)
				}
			}
		}
	}
}

// Uploads, reads and sweeps side by side, against a model of what is live.
func (s suite) model(t *testing.T) {
	dir := t.TempDir()
	st := s.new(t, dir, Options{})
	m := &metadata{owners: map[int]int{}, all: some(t, 0, 80)}
	var users sync.WaitGroup
	for w := range 6 {
		users.Go(func() { m.use(t, st, rand.New(rand.NewPCG(uint64(w), 5))) })
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
		got, err := st.Sweep(t.Context(), func(context.Context) (blocks.Live, error) { return m.live(), nil })
		if err != nil {
			t.Error(err)
		}
		removed += got.Blocks
	}
	if removed == 0 {
		t.Error("the sweeps removed nothing")
	}
	after := s.new(t, killed(t, dir), Options{})
	for i, b := range m.all {
		if m.owners[i] > 0 {
			check(t, after, false, b)
		}
	}
}
