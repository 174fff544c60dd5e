package buckets

import (
	"fmt"
	"strings"
)

// ProviderRules say which storage providers may have a bucket's pieces, beyond
// that none has a piece twice. The zero value allows all. They hold for whatever
// is dealt next: what providers have they keep.
type ProviderRules struct {
	Owners  int      `json:",omitempty"` // least number of owners among the replicas of a piece
	Regions int      `json:",omitempty"` // least number of regions
	Share   int      `json:",omitempty"` // percent of the bucket's replicas that the providers of one owner may have; 0: any
	Block   []string `json:",omitempty"` // providers, owners or regions that get nothing
	Allow   []string `json:",omitempty"` // if not empty: those alone get something
}

// maxRuleNames bounds each list of rules; every start of a deal reads them.
const maxRuleNames = 1000

func (r ProviderRules) validate(replication int) error {
	switch {
	case r.Owners < 0 || r.Owners > replication:
		return fmt.Errorf("%w: %d owners are not possible with %d replicas", ErrPolicy, r.Owners, replication)
	case r.Regions < 0 || r.Regions > replication:
		return fmt.Errorf("%w: %d regions are not possible with %d replicas", ErrPolicy, r.Regions, replication)
	case r.Share < 0 || r.Share > 100:
		return fmt.Errorf("%w: a share of %d percent", ErrPolicy, r.Share)
	case len(r.Block) > maxRuleNames || len(r.Allow) > maxRuleNames:
		return fmt.Errorf("%w: more than %d names in a list of providers", ErrPolicy, maxRuleNames)
	}
	for _, list := range [][]string{r.Block, r.Allow} {
		for _, name := range list {
			if name == "" || len(name) > 256 || strings.ContainsAny(name, ", \t\n") {
				return fmt.Errorf("%w: %q is no name of a provider, an owner or a region", ErrPolicy, name)
			}
		}
	}
	return nil
}
