package estuaryapi

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/deals"
)

// V1 kept contents on shuttles too, machines of their own. Here a node keeps its
// contents itself, and is shown as the only one, under the name that contents
// have as their location.

const here = "local"

var errNoShuttles = apiError{http.StatusConflict, "ERR_BAD_REQUEST",
	"this node takes no shuttles: it keeps its contents itself, and GET /admin/shuttle/list shows it as the only one"}

func errNoShuttle(handle string) apiError {
	return apiError{http.StatusNotFound, "ERR_RECORD_NOT_FOUND", "shuttle: " + handle + " was not found; this node is the only one, as local"}
}

// errMachine is V1's answer to a machine's token that there is not.
var errMachine = apiError{http.StatusUnauthorized, "ERR_NOT_AUTHORIZED", "token was not found"}

// addrInfo is libp2p's.
type addrInfo struct {
	ID    string
	Addrs []string
}

// shuttle is V1's ShuttleListResponse.
type shuttle struct {
	Handle         string       `json:"handle"`
	Token          string       `json:"token" doc:"empty"`
	Online         bool         `json:"online"`
	LastConnection time.Time    `json:"lastConnection"`
	AddrInfo       addrInfo     `json:"addrInfo"`
	Address        string       `json:"address"`
	Hostname       string       `json:"hostname"`
	StorageStats   storageStats `json:"storageStats"`
}

type storageStats struct {
	BlockstoreSize int64 `json:"blockstoreSize"`
	BlockstoreFree int64 `json:"blockstoreFree"`
	PinCount       int64 `json:"pinCount"`
	PinQueueLength int64 `json:"pinQueueLength"`
}

// listShuttles shows this node.
func (s *server) listShuttles(r *request, _ nothing) ([]shuttle, error) {
	address, err := s.deals.Address(r.Context())
	if err != nil {
		return nil, err
	}
	pins, err := s.buckets.PinCounts(r.Context())
	if err != nil {
		return nil, err
	}
	free, total, err := s.node.DiskSpace()
	if err != nil {
		return nil, err
	}
	addrs, err := s.netAddrs(r, nothing{})
	if err != nil {
		return nil, err
	}
	own := shuttle{Handle: here, Online: true, LastConnection: time.Now().UTC(), AddrInfo: addrInfo{addrs.ID, addrs.Addresses}, Address: address,
		StorageStats: storageStats{total, free, pins[buckets.PinPinned], pins[buckets.PinQueued]}}
	if u, err := url.Parse(s.baseURL(r)); err == nil {
		own.Hostname = u.Hostname()
	}
	return []shuttle{own}, nil
}

type shuttleMade struct {
	Handle string `json:"handle"`
	Token  string `json:"token"`
}

func (s *server) makeShuttle(*request, nothing) (shuttleMade, error) {
	return shuttleMade{}, errNoShuttles
}

// shuttleOnly answers what only a shuttle may ask. There is no token of one.
func (s *server) shuttleOnly(r *request, _ nothing) (none, error) {
	if _, err := bearer(r.Header.Get("Authorization")); err != nil {
		return none{}, err
	}
	return none{}, errMachine
}

// autoretrieve is V1's, as its list has it.
type autoretrieve struct {
	Handle            string    `json:"handle"`
	LastConnection    time.Time `json:"lastConnection"`
	LastAdvertisement time.Time `json:"lastAdvertisement" doc:"the zero time: contents are announced for this node alone"`
	AddrInfo          addrInfo  `json:"addrInfo"`
}

type autoretrieveSeen struct {
	autoretrieve
	AdvertiseInterval string `json:"advertiseInterval" doc:"how often to send a heartbeat"`
}

type autoretrieveMade struct {
	Handle            string    `json:"handle"`
	Token             string    `json:"token" doc:"told only here"`
	LastConnection    time.Time `json:"lastConnection"`
	AddrInfo          addrInfo  `json:"addrInfo"`
	AdvertiseInterval string    `json:"advertiseInterval" doc:"how often to send a heartbeat"`
}

// advertiseInterval is V1's default.
const advertiseInterval = "1m0s"

func newAutoretrieve(a deals.Autoretrieve) autoretrieve {
	return autoretrieve{Handle: a.Handle, LastConnection: a.Seen, AddrInfo: addrInfo{a.Peer, nonNil(a.Addrs)}}
}

// autoretrieveForm is the form that a server is registered with.
type autoretrieveForm struct {
	Addresses string `json:"addresses" doc:"multiaddrs with commas between them"`
	PubKey    string `json:"pubKey" doc:"public key of the server's libp2p host, base64 of its protobuf"`
}

// makeAutoretrieve registers an autoretrieve server. One with the same key is replaced.
func (s *server) makeAutoretrieve(w http.ResponseWriter, r *request, _ nothing) error {
	r.Body = http.MaxBytesReader(w, r.Body, maxJSON)
	err := r.ParseForm()
	if err == nil {
		err = r.ParseMultipartForm(maxJSON)
	}
	if err != nil && !errors.Is(err, http.ErrNotMultipart) {
		if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
			return errBodySize
		}
		return errInput("the form is malformed: %v", err)
	}
	a, token, err := s.deals.AddAutoretrieve(r.Context(), r.PostForm.Get("pubKey"), strings.Split(r.PostForm.Get("addresses"), ","))
	if errors.Is(err, deals.ErrBadAutoretrieve) {
		return errInput("%v", err)
	}
	if err == nil {
		err = s.as(r).Record(r.Context(), "autoretrieve.add", a.Handle, a.Peer)
	}
	if err != nil {
		return err
	}
	v := newAutoretrieve(a)
	write(w, autoretrieveMade{v.Handle, token, v.LastConnection, v.AddrInfo, advertiseInterval})
	return nil
}

// listAutoretrieves lists the autoretrieve servers; none: null.
func (s *server) listAutoretrieves(r *request, _ nothing) ([]autoretrieve, error) {
	all, err := s.deals.Autoretrieves(r.Context())
	var out []autoretrieve
	for _, a := range all {
		out = append(out, newAutoretrieve(a))
	}
	return out, err
}

// heartbeat notes that the server whose token came lives.
func (s *server) heartbeat(r *request, _ nothing) (autoretrieveSeen, error) {
	token, err := bearer(r.Header.Get("Authorization"))
	if err != nil {
		return autoretrieveSeen{}, err
	}
	a, err := s.deals.SeeAutoretrieve(r.Context(), token)
	if errors.Is(err, deals.ErrNoAutoretrieve) {
		return autoretrieveSeen{}, errMachine
	}
	return autoretrieveSeen{newAutoretrieve(a), advertiseInterval}, err
}
