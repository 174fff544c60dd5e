package estuaryapi

import (
	"net/http"
	"strings"
)

// serveGateway serves /gw/ipfs/{cid}[/path] as the IPFS gateway does. Unlike
// V1 it redirects nowhere: there is no other gateway to rely on.
func (s *server) serveGateway(w http.ResponseWriter, r *http.Request) {
	if !strings.HasPrefix(r.URL.Path, "/gw/ipfs/") {
		s.writeError(w, r, errNoRoute)
		return
	}
	r = r.Clone(r.Context())
	r.URL.Path = strings.TrimPrefix(r.URL.Path, "/gw")
	r.URL.RawPath = strings.TrimPrefix(r.URL.RawPath, "/gw")
	r.RequestURI = strings.TrimPrefix(r.RequestURI, "/gw")
	s.gateway.ServeHTTP(w, r)
}
