package estuaryapi

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/deals"
)

// content is V1's Content (estuary util/content.go).
type content struct {
	ID            uint64    `json:"id"`
	CreatedAt     time.Time `json:"createdAt"`
	UpdatedAt     time.Time `json:"updatedAt"`
	CID           string    `json:"cid"`
	Name          string    `json:"name"`
	UserID        uint64    `json:"userId"`
	Description   string    `json:"description"`
	Size          int64     `json:"size"`
	Type          int       `json:"type"` // 1 file
	Active        bool      `json:"active"`
	Offloaded     bool      `json:"offloaded"`
	Replication   int       `json:"replication"`
	AggregatedIn  uint64    `json:"aggregatedIn"` // the zone whose piece holds it, 0: none yet
	Aggregate     bool      `json:"aggregate"`
	Pinning       bool      `json:"pinning"`
	PinMeta       string    `json:"pinMeta"`
	Replace       bool      `json:"replace"`
	Origins       string    `json:"origins"`
	Failed        bool      `json:"failed"`
	Location      string    `json:"location"`
	DagSplit      bool      `json:"dagSplit"`
	SplitFrom     uint64    `json:"splitFrom"`
	PinningStatus string    `json:"pinningStatus"`
	DealStatus    string    `json:"dealStatus"`
}

const fileType = 1

// content translates a stored content; replication is that of its bucket.
func (s *server) content(r *http.Request, c buckets.Content) (content, error) {
	out := content{
		ID: c.ID, CreatedAt: c.Created, UpdatedAt: c.Created, CID: c.CID.String(), Name: c.Name, UserID: c.Owner,
		Size: c.Size, Type: fileType, Active: true, Offloaded: c.Offloaded, AggregatedIn: c.Zone, Location: "local",
	}
	b, err := s.buckets.BucketByUUID(r.Context(), c.Bucket)
	switch {
	case errors.Is(err, buckets.ErrNoBucket):
		// The bucket went after its objects; its zones live on.
	case err != nil:
		return out, fmt.Errorf("bucket of content %d: %w", c.ID, err)
	}
	out.Replication = b.Policy.Replication
	return out, nil
}

func (s *server) contents(r *http.Request, list []buckets.Content) ([]content, error) {
	out := make([]content, 0, len(list))
	for _, c := range list {
		v, err := s.content(r, c)
		if err != nil {
			return nil, err
		}
		v.PinningStatus = "pinned"
		if v.Offloaded {
			v.PinningStatus = "offloaded"
		}
		out = append(out, v)
	}
	return out, nil
}

// listContents answers GET /content/contents: the user's contents, newest first.
func (s *server) listContents(w http.ResponseWriter, r *http.Request, who caller) error {
	limit, offset, err := page(r)
	if err != nil {
		return err
	}
	list, err := s.buckets.Contents(r.Context(), who.user.ID, limit, offset)
	if err != nil {
		return err
	}
	out, err := s.contents(r, list)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, out)
	return nil
}

// visible returns the content that the path names, if the caller may see it.
func (s *server) visible(r *http.Request, who caller) (buckets.Content, error) {
	id, err := pathID(r, "id")
	if err != nil {
		return buckets.Content{}, err
	}
	c, err := s.buckets.Content(r.Context(), id)
	switch {
	case errors.Is(err, buckets.ErrNoContent) || err == nil && c.Deleted:
		return c, errNoContent(id)
	case err != nil:
		return c, err
	case !who.sees(c.Owner):
		return c, errForeign("content", who.user.ID, id)
	}
	return c, nil
}

// showContent answers GET /content/{id}.
func (s *server) showContent(w http.ResponseWriter, r *http.Request, who caller) error {
	c, err := s.visible(r, who)
	if err != nil {
		return err
	}
	out, err := s.content(r, c)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, out)
	return nil
}

// contentStatus answers GET /content/status/{id}: the content and the deals of its zone, oldest first.
func (s *server) contentStatus(w http.ResponseWriter, r *http.Request, who caller) error {
	c, err := s.visible(r, who)
	if err != nil {
		return err
	}
	v, err := s.content(r, c)
	if err != nil {
		return err
	}
	status := struct {
		Content  content      `json:"content"`
		Deals    []dealStatus `json:"deals"`
		Failures int          `json:"failuresCount"`
	}{Content: v, Deals: []dealStatus{}}
	if c.Zone != 0 {
		list, err := s.deals.Deals(r.Context(), c.Zone, "", maxPage, 0)
		if err != nil {
			return err
		}
		for i := len(list) - 1; i >= 0; i-- {
			status.Deals = append(status.Deals, newDealStatus(c, list[i]))
			if failed(list[i].State) {
				status.Failures++
			}
		}
	}
	writeJSON(w, http.StatusOK, status)
	return nil
}

// dealStatus is V1's dealStatus.
type dealStatus struct {
	Deal     contentDeal   `json:"deal"`
	Transfer *channelState `json:"transfer"`
	OnChain  *onChainState `json:"onChainState"`
}

// contentDeal is V1's ContentDeal (estuary model/contentdeal.go).
type contentDeal struct {
	ID               uint64
	CreatedAt        time.Time
	UpdatedAt        time.Time
	DeletedAt        *time.Time
	Content          uint64    `json:"content"`
	UserID           uint64    `json:"user_id"`
	PropCID          string    `json:"propCid"`
	DealUUID         string    `json:"dealUuid"`
	Miner            string    `json:"miner"`
	DealID           uint64    `json:"dealId"`
	Failed           bool      `json:"failed"`
	Verified         bool      `json:"verified"`
	Slashed          bool      `json:"slashed"`
	FailedAt         time.Time `json:"failedAt"`
	DTChan           string    `json:"dtChan"`
	TransferStarted  time.Time `json:"transferStarted"`
	TransferFinished time.Time `json:"transferFinished"`
	OnChainAt        time.Time `json:"onChainAt"`
	SealedAt         time.Time `json:"sealedAt"`
	Protocol         string    `json:"deal_protocol_version"`
	MinerVersion     string    `json:"miner_version"`
}

// channelState is the part of filclient's ChannelState that tells something here.
type channelState struct {
	SelfPeer      string `json:"selfPeer"`
	RemotePeer    string `json:"remotePeer"`
	Status        int    `json:"status"`
	StatusMessage string `json:"statusMessage"`
	Sent          int64  `json:"sent"`
	Received      int64  `json:"received"`
	Message       string `json:"message"`
	BaseCID       string `json:"baseCid"`
	TransferID    string `json:"transferId"`
}

type onChainState struct {
	SectorStartEpoch int64 `json:"sectorStartEpoch"`
	LastUpdatedEpoch int64 `json:"lastUpdatedEpoch"`
	SlashEpoch       int64 `json:"slashEpoch"`
}

func failed(s deals.DealState) bool {
	return s == deals.DealFailed || s == deals.DealRejected || s == deals.DealExpired
}

func newDealStatus(c buckets.Content, d deals.Deal) dealStatus {
	out := dealStatus{Deal: contentDeal{
		ID: d.ID, CreatedAt: d.Created, UpdatedAt: d.Changed, Content: c.ID, UserID: c.Owner, PropCID: d.Proposal,
		DealUUID: d.UUID, Miner: d.Provider, DealID: d.ChainID, Failed: failed(d.State),
		TransferStarted: d.Times[deals.DealAccepted], OnChainAt: d.Times[deals.DealPublished], SealedAt: d.ActiveAt,
		Protocol: "/fil/storage/mk/1.2.0",
	}}
	switch d.State {
	case deals.DealProposed, deals.DealAccepted:
		out.Transfer = &channelState{StatusMessage: "Initializing", Message: d.Reason}
	case deals.DealPublished:
		out.OnChain = &onChainState{SectorStartEpoch: -1, LastUpdatedEpoch: -1, SlashEpoch: -1}
	case deals.DealActive:
		out.OnChain = &onChainState{SectorStartEpoch: d.StartEpoch, LastUpdatedEpoch: -1, SlashEpoch: -1}
	}
	if out.Deal.Failed {
		out.Deal.FailedAt = d.Changed
	}
	return out
}

const (
	defaultPage = 500
	maxPage     = 10_000
)

// page reads limit and offset.
func page(r *http.Request) (limit, offset int, err error) {
	limit = defaultPage
	for name, into := range map[string]*int{"limit": &limit, "offset": &offset} {
		v := r.URL.Query().Get(name)
		if v == "" {
			continue
		}
		n, err := strconv.Atoi(v)
		if err != nil || n < 0 || name == "limit" && n > maxPage {
			return 0, 0, errInput("%s: %q is not a number in its range", name, v)
		}
		*into = n
	}
	return limit, offset, nil
}

func pathID(r *http.Request, name string) (uint64, error) {
	v := r.PathValue(name)
	id, err := strconv.ParseUint(v, 10, 64)
	if err != nil {
		return 0, errInput("%q is not an id", v)
	}
	return id, nil
}
