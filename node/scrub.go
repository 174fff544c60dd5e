package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/ipfs/go-cid"
	"golang.org/x/time/rate"

	"github.com/whypfs/whypfs/internal/durable"
	"github.com/whypfs/whypfs/node/blocks"
)

const (
	// scrubFile in Dir/blocks is where the background scrub is. Losing it means
	// that the pass begins anew.
	scrubFile = "scrub.json"
	// scrubSave is how often that is written, and Progress told.
	scrubSave = 10 * time.Second
	// scrubBurst is what is read at once, whatever the rate: one block.
	scrubBurst = blocks.MaxBlock
)

// ScrubOptions of Scrub. The zero value reads everything as fast as it can.
type ScrubOptions struct {
	Rate   int64 // bytes read in a second; 0: no limit
	Resume bool  // goes on where the last such scrub was, if that did not end
	// Found, if not nil, is told of each copy that is damaged or cannot be read.
	Found func(ScrubFault)
	// Progress, if not nil, is told now and then how far it is.
	Progress func(Scrub)
}

// Scrub is what a pass over all stored blocks has found so far.
type Scrub struct {
	Began      time.Time `json:"began"`
	Ended      time.Time `json:"ended,omitzero"`
	Blocks     int64     `json:"blocks"` // copies read
	Bytes      int64     `json:"bytes"`
	Damaged    int64     `json:"damaged"`    // without their hash
	Unreadable int64     `json:"unreadable"` // the disk gave an error
	Place      string    `json:"place,omitempty"`
}

// ScrubFault is a copy that is not what it should be.
type ScrubFault struct {
	Cid   string `json:"cid"` // empty if it is too damaged to tell
	Place string `json:"place"`
	Err   string `json:"error"`
	Lost  bool   `json:"lost"` // there is no other copy, so a repair was queued
}

// Scrub reads every stored copy of a block and compares it with its hash. Blocks
// without a sound copy are repaired, as when a reader meets them.
func (n *Node) Scrub(ctx context.Context, opt ScrubOptions) (Scrub, error) {
	return n.scrubWith(ctx, opt, func() {})
}

// scrubWith is Scrub; seen is called after each copy.
func (n *Node) scrubWith(ctx context.Context, opt ScrubOptions, seen func()) (Scrub, error) {
	s := scrubber{n: n, opt: opt, limit: rate.NewLimiter(rate.Inf, scrubBurst), state: Scrub{Began: time.Now()}}
	if opt.Rate > 0 {
		s.limit.SetLimit(rate.Limit(opt.Rate))
	}
	if opt.Resume {
		last, err := n.LastScrub()
		if err != nil {
			n.log.WarnContext(ctx, "read where the scrub was; it begins anew", "err", err)
		} else if last.Ended.IsZero() && !last.Began.IsZero() {
			s.state = last
		}
	}
	s.saved = time.Now()
	err := n.store.Verify(ctx, s.state.Place, func(v blocks.Verified) error {
		defer seen()
		return s.see(ctx, v)
	})
	if err == nil {
		s.state.Ended, s.state.Place = time.Now(), ""
	}
	if err = errors.Join(err, s.save()); err != nil {
		return s.state, fmt.Errorf("scrub: %w", err)
	}
	return s.state, nil
}

// LastScrub is where the background scrub is, or how it ended.
func (n *Node) LastScrub() (s Scrub, err error) {
	b, err := os.ReadFile(n.scrubName())
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &s)
	}
	return s, err
}

func (n *Node) scrubName() string { return filepath.Join(n.cfg.Dir, "blocks", scrubFile) }

// A scrubber is one Scrub.
type scrubber struct {
	n     *Node
	opt   ScrubOptions
	limit *rate.Limiter
	state Scrub
	saved time.Time
}

// see notes one copy.
func (s *scrubber) see(ctx context.Context, v blocks.Verified) error {
	m := s.n.scrubs
	s.state.Blocks++
	s.state.Bytes += int64(v.Size)
	s.state.Place = v.Place
	m.bytes.Add(float64(v.Size))
	result := "sound"
	switch {
	case errors.Is(v.Err, ErrDamaged):
		s.state.Damaged++
		result = "damaged"
	case v.Err != nil:
		s.state.Unreadable++
		result = "unreadable"
	}
	m.blocks.WithLabelValues(result).Inc()
	if v.Err != nil {
		s.fault(ctx, v)
	}
	if time.Since(s.saved) >= scrubSave {
		if err := s.save(); err != nil {
			return err
		}
	}
	return s.limit.WaitN(ctx, min(v.Size, scrubBurst))
}

// fault names a bad copy, and has the block repaired if there is no other.
func (s *scrubber) fault(ctx context.Context, v blocks.Verified) {
	f := ScrubFault{Place: v.Place, Err: v.Err.Error()}
	if v.Cid.Defined() {
		f.Cid = v.Cid.String()
	}
	if !errors.Is(v.Err, ErrDamaged) { // the store has told of those
		s.n.log.ErrorContext(ctx, "block cannot be read", "cid", f.Cid, "place", f.Place, "err", v.Err)
	}
	if v.Cid.Defined() && errors.Is(v.Err, ErrDamaged) {
		if _, ok := s.n.blocks.Has(v.Cid, false); !ok {
			f.Lost = true
			s.n.repairs.report(v.Cid, cid.Undef, false)
		}
	}
	if s.opt.Found != nil {
		s.opt.Found(f)
	}
}

// save writes where a scrub is that can be resumed.
func (s *scrubber) save() error {
	s.saved = time.Now()
	if s.opt.Progress != nil {
		s.opt.Progress(s.state)
	}
	if !s.opt.Resume {
		return nil
	}
	b, err := json.Marshal(s.state)
	if err != nil {
		return err
	}
	return durable.WriteFile(s.n.scrubName(), b, 0o600)
}
