// Package clientaddr says which address a request came from, as what is
// limited or allowed by address needs it.
//
// Anybody can send the headers in which proxies tell whom they speak for, so
// they are believed only of proxies that the operator named.
package clientaddr

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Of returns the address that a request is counted for: of IPv6 the /64, which
// one subscriber has whole. It is not valid if the request has none.
func Of(r *http.Request) netip.Addr {
	addr := remote(r)
	if addr.Is6() {
		if p, err := addr.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return addr
}

func remote(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap().WithZone("")
}

// Behind gives next the address of the client, as its RemoteAddr, where a
// trusted proxy passes a request on: the last one in X-Forwarded-For that is no
// trusted proxy itself. What stands before it the client may have made up.
func Behind(trusted []netip.Prefix, next http.Handler) http.Handler {
	if len(trusted) == 0 {
		return next
	}
	trusts := func(a netip.Addr) bool {
		return slices.ContainsFunc(trusted, func(p netip.Prefix) bool { return p.Contains(a) })
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		addr := remote(r)
		if !addr.IsValid() || !trusts(addr) {
			next.ServeHTTP(w, r)
			return
		}
		for _, hop := range slices.Backward(hops(r)) {
			if !hop.IsValid() {
				break
			}
			if addr = hop; !trusts(addr) {
				break
			}
		}
		// A copy, as others up the line may still look at the request.
		r2 := *r
		r2.RemoteAddr = netip.AddrPortFrom(addr, 0).String()
		next.ServeHTTP(w, &r2)
	})
}

// hops are the addresses in X-Forwarded-For; what is none is not valid.
func hops(r *http.Request) []netip.Addr {
	var out []netip.Addr
	for _, line := range r.Header.Values("X-Forwarded-For") {
		for hop := range strings.SplitSeq(line, ",") {
			hop = strings.TrimSpace(hop)
			addr, err := netip.ParseAddr(hop)
			if err != nil {
				if ap, err := netip.ParseAddrPort(hop); err == nil {
					addr = ap.Addr()
				}
			}
			out = append(out, addr.Unmap().WithZone(""))
		}
	}
	return out
}
