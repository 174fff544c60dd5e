package estuaryapi

import (
	"cmp"
	"encoding/json"
	"path"
	"strings"

	"github.com/google/uuid"
	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/node"
)

// pinBody is what a client asks to be pinned.
type pinBody struct {
	CID     string            `json:"cid"`
	Name    string            `json:"name,omitempty"`
	Origins []string          `json:"origins,omitempty" null:"true" doc:"addresses with /p2p/ of peers that have it; at most 20 are dialled"`
	Meta    map[string]string `json:"meta,omitempty" null:"true" doc:"kept with it. In collection (or coluuid) and dir (or colpath) it says where in a collection it goes"`
}

// ipfsBody is what POST /content/add-ipfs takes: a pin, in any of the forms it
// had in V1.
type ipfsBody struct {
	CID            string            `json:"cid,omitempty"`
	Root           string            `json:"root,omitempty" doc:"older name of cid"`
	Name           string            `json:"name,omitempty"`
	Filename       string            `json:"filename,omitempty" doc:"older name of name"`
	Origins        []string          `json:"origins,omitempty" null:"true"`
	Peers          []string          `json:"peers,omitempty" null:"true" doc:"older name of origins"`
	Meta           map[string]string `json:"meta,omitempty" null:"true"`
	ColUUID        string            `json:"coluuid,omitempty" doc:"as meta.collection"`
	Collection     string            `json:"collection,omitempty" doc:"as meta.collection"`
	Dir            string            `json:"dir,omitempty" doc:"as meta.dir"`
	CollectionPath string            `json:"collectionPath,omitempty" doc:"as meta.colpath"`
}

// pin is the body as the pinning routes take it, and where it goes.
func (b ipfsBody) pin() (pinBody, pinPlace) {
	p := pinBody{CID: cmp.Or(b.CID, b.Root), Name: cmp.Or(b.Name, b.Filename), Origins: b.Origins, Meta: b.Meta}
	if len(p.Origins) == 0 {
		p.Origins = b.Peers
	}
	at := p.place()
	at.collection = cmp.Or(at.collection, b.ColUUID, b.Collection)
	at.dir, at.path = cmp.Or(at.dir, b.Dir), cmp.Or(at.path, b.CollectionPath)
	return p, at
}

// pinPlace is where in a collection a pin goes.
type pinPlace struct {
	collection string // uuid; "": in none
	dir        string // its directory
	path       string // instead of dir: its whole path, or with a slash at its end its directory
}

// place reads V1's names in meta, and those of the clients of its older versions.
// What is not the shape of a collection's id is meta like any other: clients of
// the specification know nothing of V1's names.
func (b pinBody) place() pinPlace {
	id := cmp.Or(b.Meta["collection"], b.Meta["coluuid"])
	if uuid.Validate(id) != nil {
		return pinPlace{}
	}
	return pinPlace{id, b.Meta["dir"], b.Meta["colpath"]}
}

// of is the directory and the name that something called name gets.
func (p pinPlace) of(name string) (string, string) {
	switch {
	case p.dir != "" || p.path == "":
		return p.dir, name
	case strings.HasSuffix(p.path, "/"):
		return p.path, name
	}
	return path.Dir(p.path), path.Base(p.path)
}

// whole says whether the whole path is given.
func (p pinPlace) whole() bool { return p.dir == "" && p.path != "" && !strings.HasSuffix(p.path, "/") }

const maxOrigins = 20 // as the specification has it

// request is what is asked for. Origins are hints, so what is no address is
// passed over, as V1 did, and so are those beyond the 20th.
func (b pinBody) request() (buckets.PinRequest, error) {
	if b.CID == "" {
		return buckets.PinRequest{}, errInput("cid is missing")
	}
	c, err := cid.Decode(b.CID)
	if err != nil {
		return buckets.PinRequest{}, errInput("cid: %s is not a CID: %v", quoted(b.CID), err)
	}
	r := buckets.PinRequest{CID: c, Name: b.Name, Meta: b.Meta}
	for _, o := range b.Origins {
		if len(r.Origins) < maxOrigins && node.CheckPeerAddrs([]string{o}) == nil {
			r.Origins = append(r.Origins, o)
		}
	}
	return r, nil
}

// metaFilter is the parameter meta: pins have to have all of it.
type metaFilter struct{ values map[string]string }

func (m *metaFilter) UnmarshalText(text []byte) error {
	return json.Unmarshal(text, &m.values)
}
