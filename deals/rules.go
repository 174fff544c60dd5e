package deals

import (
	"fmt"
	"slices"
)

// Rules say which providers may have the pieces of a bucket, beyond that no
// provider has a piece twice. The zero value allows all.
type Rules struct {
	Owners  int      // least number of owners among the replicas of a piece
	Regions int      // least number of regions
	Share   int      // percent of the bucket's replicas, by size, that one owner's providers may have; 0: any
	Block   []string // providers, owners or regions that get nothing
	Allow   []string // if not empty: the providers, owners or regions that may get something
}

// excludes says why a provider may not have anything of the bucket.
func (r Rules) excludes(provider, owner, region string) string {
	named := func(list []string) string {
		for _, name := range []string{provider, owner, region} {
			if name != "" && slices.Contains(list, name) {
				return name
			}
		}
		return ""
	}
	if name := named(r.Block); name != "" {
		return fmt.Sprintf("%s is blocked for the bucket", name)
	}
	if len(r.Allow) > 0 && named(r.Allow) == "" {
		return "not among those that the bucket allows"
	}
	return ""
}

// A spread is whom the replicas of a piece are with, and what the bucket's are.
type spread struct {
	rules           Rules
	owners, regions map[string]bool
	left            int              // replicas still to place
	size            int64            // of the piece
	held            map[string]int64 // bytes of the bucket's replicas, by owner
	total           int64
}

func newSpread(r Rules, left int, size int64) *spread {
	return &spread{rules: r, owners: map[string]bool{}, regions: map[string]bool{}, left: left, size: size, held: map[string]int64{}}
}

// add counts a replica of the piece.
func (s *spread) add(owner, region string) {
	// An owner or region that is not known is counted on for nothing.
	if owner != "" {
		s.owners[owner] = true
	}
	if region != "" {
		s.regions[region] = true
	}
}

// hold counts bytes of the bucket that an owner has.
func (s *spread) hold(owner string, size int64) {
	s.held[owner] += size
	s.total += size
}

// spoils says which rule could not be kept any more, or is broken, if this
// provider got the next replica. While some are left over, an owner may come
// twice; the last ones are for those that are lacking.
func (s *spread) spoils(provider, owner, region string) (verdict Verdict, why string) {
	after := s.left - 1
	lack := func(have map[string]bool, key string, want int) int {
		n := len(have)
		if key != "" && !have[key] {
			n++
		}
		return want - n
	}
	if n := lack(s.owners, owner, s.rules.Owners); n > after {
		return VerdictOwner, fmt.Sprintf("the bucket wants %d owners, and %s has a replica already", s.rules.Owners, orUnknown(owner))
	}
	if n := lack(s.regions, region, s.rules.Regions); n > after {
		return VerdictRegion, fmt.Sprintf("the bucket wants %d regions, and %s has a replica already", s.rules.Regions, orUnknown(region))
	}
	who := owner
	if who == "" {
		who = provider
	}
	// The share is that after this choice, and the first piece is always allowed.
	if held := s.held[who]; s.rules.Share > 0 && held > 0 {
		if all := s.total + int64(s.left)*s.size; (held+s.size)*100 > all*int64(s.rules.Share) {
			return VerdictShare, fmt.Sprintf("%s would have %d %% of the bucket, the limit is %d %%", who, (held+s.size)*100/all, s.rules.Share)
		}
	}
	return "", ""
}

// take gives the next replica to a provider.
func (s *spread) take(provider, owner, region string) {
	s.add(owner, region)
	if owner == "" {
		owner = provider
	}
	s.hold(owner, s.size)
	s.left--
}

func orUnknown(name string) string {
	if name == "" {
		return "one that is not known"
	}
	return name
}
