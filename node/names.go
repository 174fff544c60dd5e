package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/ipfs/boxo/gateway"
	"github.com/ipfs/boxo/ipns"
	"github.com/ipfs/boxo/namesys"
	"github.com/ipfs/boxo/path"
	"github.com/libp2p/go-libp2p/core/routing"
)

const (
	// What the DNS or the DHT says is remembered as long as it says, but no
	// longer than nameKept; that they say nothing, for nameMissed.
	nameKept   = 5 * time.Minute
	nameMissed = 15 * time.Second
	// A name that the DHT or the DNS does not tell in this time is not found.
	nameWait = 20 * time.Second
	// staticTTL is how long others may remember a name of GatewayConfig.Names.
	staticTTL = time.Minute
)

// names finds what /ipns/ paths mean: IPNS records and DNSLinks.
type names struct {
	records *records
	dht     func() routing.ValueStore // nil when off
	static  map[string]string         // domain to the value of its DNSLink
	dns     namesys.LookupTXTWithTTLFunc
	txts    recall[[]string]
	found   recall[[]byte] // records of the DHT, by routing key
}

// newNames needs no network; nothing is asked before somebody asks it.
func newNames(cfg Config, dht func() routing.ValueStore) (*names, error) {
	n := &names{records: newRecords(cfg.Dir), dht: dht, static: map[string]string{}}
	for domain, value := range cfg.Gateway.Names {
		p, err := path.NewPath(value)
		if err != nil {
			return nil, fmt.Errorf("DNSLink of %q: %w", domain, err)
		}
		n.static[canonical(domain)] = p.String()
	}
	var err error
	n.dns, err = newDNS(cfg.Gateway.DNS)
	return n, err
}

// newDNS makes the lookup that Config.Gateway.DNS means, nil when it is off.
func newDNS(dns string) (namesys.LookupTXTWithTTLFunc, error) {
	// boxo would ask a public server for .eth names: the empty URL says not to.
	servers := map[string]string{"eth.": ""}
	switch {
	case dns == "" || dns == "off":
		return nil, nil
	case dns == "system":
	case strings.HasPrefix(dns, "https://"), strings.HasPrefix(dns, "http://"):
		servers["."] = dns
	default:
		return nil, fmt.Errorf("DNS %q: want off, system or the URL of a DNS-over-HTTPS server", dns)
	}
	r, err := gateway.NewDNSResolver(servers)
	if err != nil {
		return nil, fmt.Errorf("DNS %q: %w", dns, err)
	}
	return r.LookupTXTWithTTL, nil
}

// canonical is the spelling of a domain that names are kept under.
func canonical(domain string) string {
	return strings.ToLower(strings.TrimSuffix(domain, "."))
}

// domains says whether any domain name can mean something here.
func (n *names) domains() bool { return n.dns != nil || len(n.static) > 0 }

// lookupTXT is the DNS as namesys sees it: names of the configuration first.
func (n *names) lookupTXT(ctx context.Context, fqdn string) ([]string, time.Duration, error) {
	domain := canonical(strings.TrimPrefix(fqdn, "_dnslink."))
	if value, ok := n.static[domain]; ok {
		return []string{"dnslink=" + value}, staticTTL, nil
	}
	if n.dns == nil {
		return nil, 0, &net.DNSError{Err: "no DNSLink is configured", Name: domain, IsNotFound: true}
	}
	if a, ok := n.txts.get(domain); ok {
		return a.value, time.Until(a.until), a.err
	}
	ctx, cancel := context.WithTimeout(ctx, nameWait)
	defer cancel()
	txts, ttl, err := n.dns(ctx, fqdn)
	if err == nil && ttl <= 0 {
		ttl = staticTTL // the system's DNS does not tell
	}
	if ctx.Err() == nil {
		n.txts.put(domain, txts, ttl, err)
	}
	return txts, min(ttl, nameKept), err
}

// system is the name system of the gateway.
func (n *names) system() (namesys.NameSystem, error) {
	sys, err := namesys.NewNameSystem(n,
		namesys.WithDNSResolverWithTTL(n.lookupTXT),
		// It has no cache: a record that is put holds at once.
	)
	if err != nil {
		return nil, err
	}
	return nameSystem{sys}, nil
}

// record returns the best record of name that is here or in the DHT.
func (n *names) record(ctx context.Context, name ipns.Name) ([]byte, error) {
	here, err := n.records.get(name)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, err
	}
	there, dhtErr := n.recordThere(ctx, name)
	switch {
	case dhtErr != nil:
		return here, err // nobody else has one, or none that is good
	case err != nil:
		return there, nil
	}
	best, err := ipns.Validator{}.Select(string(name.RoutingKey()), [][]byte{here, there})
	if err != nil || best == 0 {
		return here, nil
	}
	return there, nil
}

// recordThere returns the record of name that the DHT has.
func (n *names) recordThere(ctx context.Context, name ipns.Name) ([]byte, error) {
	dht := n.dht()
	if dht == nil {
		return nil, ErrNotFound
	}
	key := string(name.RoutingKey())
	if a, ok := n.found.get(key); ok {
		return a.value, a.err
	}
	ctx, cancel := context.WithTimeout(ctx, nameWait)
	defer cancel()
	data, err := dht.GetValue(ctx, key)
	ttl := staticTTL
	if err == nil {
		var rec *ipns.Record
		if rec, err = checkRecord(name, data); err == nil {
			if told, err := rec.TTL(); err == nil {
				ttl = told
			}
		}
	}
	if ctx.Err() == nil {
		n.found.put(key, data, ttl, err)
	}
	return data, err
}

// GetValue implements routing.ValueStore for namesys and the gateway.
func (n *names) GetValue(ctx context.Context, key string, _ ...routing.Option) ([]byte, error) {
	name, err := ipns.NameFromRoutingKey([]byte(key))
	if err != nil {
		return nil, routing.ErrNotSupported
	}
	data, err := n.record(ctx, name)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil, gateway.NewErrorStatusCode(fmt.Errorf("no IPNS record of %s is known here: %w", name, routing.ErrNotFound), http.StatusNotFound)
	case err != nil:
		return nil, errUnreadable
	}
	return data, nil
}

// SearchValue implements routing.ValueStore.
func (n *names) SearchValue(ctx context.Context, key string, _ ...routing.Option) (<-chan []byte, error) {
	ch := make(chan []byte, 1)
	defer close(ch)
	data, err := n.GetValue(ctx, key)
	if err == nil {
		ch <- data
	}
	return ch, nil
}

// PutValue implements routing.ValueStore. The gateway reads only.
func (n *names) PutValue(context.Context, string, []byte, ...routing.Option) error {
	return routing.ErrNotSupported
}

// nameSystem gives a name that means nothing a status of its own: boxo would
// answer 500, as if this gateway were broken.
type nameSystem struct{ namesys.NameSystem }

func (s nameSystem) Resolve(ctx context.Context, p path.Path, opts ...namesys.ResolveOption) (namesys.Result, error) {
	res, err := s.NameSystem.Resolve(ctx, p, opts...)
	if errors.Is(err, namesys.ErrResolveFailed) || errors.Is(err, namesys.ErrMissingDNSLinkRecord) {
		err = gateway.NewErrorStatusCode(err, http.StatusBadGateway)
	}
	return res, err
}
