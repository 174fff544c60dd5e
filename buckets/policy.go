package buckets

import (
	"fmt"
	"slices"
	"time"
)

// Policy is what a bucket's owner wants to happen with its contents.
type Policy struct {
	Threshold   int64         // bytes; a zone this large is sealed. default 15 GiB, which fills a 16 GiB piece with room for its index
	MaxAge      time.Duration // a zone with a member this old is sealed. default 48 h
	Replication int           // deals per piece, each with a provider of its own. default 6
	Publish     bool          // announce, and serve over IPFS
	MaxPiece    int64         // bytes, padded; default 32 GiB
	Aged        Aged          // what becomes of an aged zone whose piece providers do not take. default AgedPad
	Archive     bool          // S3 readers of an object kept on Filecoin alone have to restore it first
	Providers   ProviderRules `json:",omitzero"`
}

// Bounds of a policy.
const (
	MaxReplication = 20
	minMaxAge      = time.Second
	minMaxPiece    = 1 << 20
	maxMaxPiece    = 64 << 30 // the largest sector
)

func (p Policy) withDefaults() Policy {
	if p.Threshold == 0 {
		p.Threshold = 15 << 30
	}
	if p.MaxAge == 0 {
		p.MaxAge = 48 * time.Hour
	}
	if p.Replication == 0 {
		p.Replication = 6
	}
	if p.MaxPiece == 0 {
		p.MaxPiece = 32 << 30
	}
	if p.Aged == "" {
		p.Aged = AgedPad
	}
	return p
}

// validate returns ErrPolicy, wrapped with what is wrong.
func (p Policy) validate() error {
	switch {
	case p.Threshold <= 0:
		return fmt.Errorf("%w: threshold %d is not positive", ErrPolicy, p.Threshold)
	case p.MaxAge < minMaxAge:
		return fmt.Errorf("%w: max age %v is under %v", ErrPolicy, p.MaxAge, minMaxAge)
	case p.Replication < 1 || p.Replication > MaxReplication:
		return fmt.Errorf("%w: replication %d is not within 1 to %d", ErrPolicy, p.Replication, MaxReplication)
	case p.MaxPiece < minMaxPiece || p.MaxPiece > maxMaxPiece || p.MaxPiece&(p.MaxPiece-1) != 0:
		return fmt.Errorf("%w: max piece %d is not a power of two within 1 MiB to 64 GiB", ErrPolicy, p.MaxPiece)
	case !slices.Contains([]Aged{AgedPad, AgedWait, AgedChoose}, p.Aged):
		return fmt.Errorf("%w: aged %q is not pad, wait or choose", ErrPolicy, p.Aged)
	}
	return p.Providers.validate(p.Replication)
}

// replicated is the policy for contents that ask for so many deals each; 0 is
// for those that do not say. They cannot have more owners or regions than deals.
func (p Policy) replicated(n int) Policy {
	if n != 0 {
		p.Replication = n
		p.Providers.Owners, p.Providers.Regions = min(p.Providers.Owners, n), min(p.Providers.Regions, n)
	}
	return p
}
