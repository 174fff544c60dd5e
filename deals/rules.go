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
	wanted, have    int // replicas of the piece
	left            int // replicas still to place, once lacking has said how many
	owners, regions map[string]bool
	noOwner         int // replicas with owners that are not known
	noRegion        int
	size            int64            // of the piece
	held            map[string]int64 // bytes of the bucket's replicas, by owner
	total           int64
}

func newSpread(r Rules, wanted int, size int64) *spread {
	// A piece may be older than the bucket's policy, and have fewer replicas.
	r.Owners, r.Regions = min(r.Owners, wanted), min(r.Regions, wanted)
	return &spread{rules: r, wanted: wanted, owners: map[string]bool{}, regions: map[string]bool{}, size: size, held: map[string]int64{}}
}

// lacking is how many replicas are still to be placed. One too many with an owner,
// or in a region, stands for no other: it may have been given up and come back,
// or be older than the rule. Those with owners that are not known have the
// benefit of the doubt, as a replica costs money.
func (s *spread) lacking() int {
	counted := min(s.have,
		s.wanted-s.rules.Owners+len(s.owners)+s.noOwner,
		s.wanted-s.rules.Regions+len(s.regions)+s.noRegion)
	return max(0, s.wanted-counted)
}

// add counts a replica of the piece.
func (s *spread) add(owner, region string) {
	s.have++
	// In the choice an owner or region that is not known is counted on for nothing.
	if owner != "" {
		s.owners[owner] = true
	} else {
		s.noOwner++
	}
	if region != "" {
		s.regions[region] = true
	} else {
		s.noRegion++
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
