package deals

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/filecoin-project/go-address"
)

// The engines that deals can be brought to a provider with.
const (
	EngineMk12      = "mk12"      // the provider pulls the piece over HTTP as soon as it took the deal
	EngineOffline   = "offline"   // the provider takes the deal, and imports the piece when its operator says so
	EngineFilclient = "filclient" // as mk12, but it is Estuary's client, in a process of its own, that talks
)

// A ProviderConfig is one storage provider of the operator's list.
type ProviderConfig struct {
	Address string // f0…
	Engine  string // "": Options.Engine
	HTTP    string // base URL of its market over HTTP, as Curio serves it; "": as its addresses on chain say
	Owner   string // whose it is; "": its owner on chain
	Region  string // where it is, in the operator's words
	Most    int    // deals under way with it at once; 0: as many as come
}

// ParseProviders reads an operator's list: each address (f0…) begins a
// provider, and each key=value after it is about that one. The keys are
// engine, http, owner, region and most. All that is wrong is told together.
func ParseProviders(words []string) ([]ProviderConfig, error) {
	var (
		out []ProviderConfig
		bad []error
	)
	for _, word := range words {
		word = strings.TrimSpace(word)
		key, value, attribute := strings.Cut(word, "=")
		switch {
		case word == "":
		case attribute && len(out) == 0:
			bad = append(bad, fmt.Errorf("%q stands before any provider", word))
		case attribute:
			if err := out[len(out)-1].set(key, value); err != nil {
				bad = append(bad, fmt.Errorf("provider %s: %w", out[len(out)-1].Address, err))
			}
		default:
			a, err := address.NewFromString(word)
			if err != nil || a.Protocol() != address.ID {
				bad = append(bad, fmt.Errorf("%q is no address of a provider, such as f01234", word))
				break
			}
			p := ProviderConfig{Address: a.String()}
			if slices.ContainsFunc(out, func(o ProviderConfig) bool { return o.Address == p.Address }) {
				bad = append(bad, fmt.Errorf("provider %s is listed twice", p.Address))
			}
			out = append(out, p)
		}
	}
	return out, errors.Join(bad...)
}

func (p *ProviderConfig) set(key, value string) error {
	switch key {
	case "engine":
		if value != EngineMk12 && value != EngineOffline && value != EngineFilclient {
			return fmt.Errorf("engine %q is neither %s nor %s nor %s", value, EngineMk12, EngineOffline, EngineFilclient)
		}
		p.Engine = value
	case "http":
		u, err := url.Parse(value)
		if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			return fmt.Errorf("http %q is no URL", value)
		}
		p.HTTP = strings.TrimRight(value, "/")
	case "owner":
		p.Owner = value
	case "region":
		p.Region = value
	case "most":
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 {
			return fmt.Errorf("most %q is no number of deals", value)
		}
		p.Most = n
	default:
		return fmt.Errorf("%q is none of engine, http, owner, region, most", key)
	}
	return nil
}

// unset has a provider be as one of which nothing is said.
func (p *ProviderConfig) unset(key string) {
	switch key {
	case "engine":
		p.Engine = ""
	case "http":
		p.HTTP = ""
	case "owner":
		p.Owner = ""
	case "region":
		p.Region = ""
	case "most":
		p.Most = 0
	}
}
