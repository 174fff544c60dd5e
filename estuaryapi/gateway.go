package estuaryapi

import (
	"net/http"
	"strings"
)

// sandboxed gives a page an origin of its own. Anyone can have a page of his
// served here, inside its CID if need be, and this address also has the
// dashboard with its cookies.
const sandboxed = "sandbox allow-downloads allow-forms allow-modals allow-popups allow-scripts"

// gatewayPaths serves /gw/ipfs/{cid}[/path] as the IPFS gateway does, and
// /ipfs/… too, because that is where the gateway's own links and redirects
// lead. Unlike V1 it redirects to no other host.
//
// The rows of the table only tell of it: common hands its paths over whole.
func (s *server) gatewayPaths(w http.ResponseWriter, r *http.Request) {
	if !strings.HasPrefix(strings.TrimPrefix(r.URL.Path, "/gw"), "/ipfs/") {
		s.writeError(w, r, errNoRoute)
		return
	}
	w.Header().Set("Content-Security-Policy", sandboxed)
	// Which types are sniffed is the gateway's to say.
	w.Header().Del("X-Content-Type-Options")
	r = r.Clone(r.Context())
	r.URL.Path = strings.TrimPrefix(r.URL.Path, "/gw")
	r.URL.RawPath = strings.TrimPrefix(r.URL.RawPath, "/gw")
	r.RequestURI = strings.TrimPrefix(r.RequestURI, "/gw")
	s.gateway.ServeHTTP(w, r)
}

// serveGateway is gatewayPaths as a row of the table.
func (s *server) serveGateway(w http.ResponseWriter, r *request, _ nothing) error {
	s.gatewayPaths(w, r.Request)
	return nil
}
