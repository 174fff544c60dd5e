package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"path"
	"strconv"
	"time"

	"github.com/ipfs/go-cid"
)

// A Content is one thing that the host keeps for the user.
type Content struct {
	ID      uint64    `json:"id"`
	CID     CID       `json:"cid"`
	Name    string    `json:"name"`
	Size    int64     `json:"size"`
	Created time.Time `json:"createdAt"`
	Status  string    `json:"pinningStatus"`
}

// UnmarshalJSON reads what each host has: V1 before 0.2 tells no status.
func (c *Content) UnmarshalJSON(b []byte) error {
	type plain Content
	var more struct {
		plain
		Active, Pinning, Failed, Offloaded bool
	}
	if err := json.Unmarshal(b, &more); err != nil {
		return err
	}
	*c = Content(more.plain)
	if c.Status != "" {
		return nil
	}
	switch { // V1's own rule
	case more.Active:
		c.Status = "pinned"
	case more.Failed:
		c.Status = "failed"
	case more.Pinning:
		c.Status = "pinning"
	case more.Offloaded:
		c.Status = "offloaded"
	default:
		c.Status = "queued"
	}
	return nil
}

// Contents lists contents, the newest first.
func (c *Client) Contents(ctx context.Context, limit, offset int) (list []Content, err error) {
	q := url.Values{"limit": {strconv.Itoa(limit)}, "offset": {strconv.Itoa(offset)}}
	err = c.json(ctx, call{method: "GET", path: "/content/contents", query: q}, &list)
	if noRoute(err) { // V1 before 0.2: all of them, in no order that was promised
		if err = c.json(ctx, call{method: "GET", path: "/content/list"}, &list); err == nil {
			list = list[min(offset, len(list)):]
			list = list[:min(limit, len(list))]
		}
	}
	return list, err
}

// contentPage is how many contents are asked for at once.
const contentPage = 500

// ContentsByCID lists the user's contents with a root, the newest first.
func (c *Client) ContentsByCID(ctx context.Context, root cid.Cid) (found []Content, err error) {
	for offset := 0; ; offset += contentPage {
		list, err := c.Contents(ctx, contentPage, offset)
		if err != nil {
			return nil, err
		}
		for _, content := range list {
			if content.CID.Defined() && content.CID.Hash().String() == root.Hash().String() {
				found = append(found, content)
			}
		}
		if len(list) < contentPage {
			return found, nil
		}
	}
}

// Content returns the content of an id.
func (c *Client) Content(ctx context.Context, id uint64) (content Content, err error) {
	err = c.json(ctx, call{method: "GET", path: "/content/" + strconv.FormatUint(id, 10)}, &content)
	if noRoute(err) {
		var s Status
		s, err = c.Status(ctx, id)
		content = s.Content
	}
	return content, err
}

// A Status is a content and its deals.
type Status struct {
	Content  Content      `json:"content"`
	Deals    []DealStatus `json:"deals"`
	Failures int          `json:"failuresCount"`
	// Raw is the host's whole answer.
	Raw json.RawMessage `json:"-"`
}

// A DealStatus is a deal of a content, as far as it is told to people.
type DealStatus struct {
	Deal struct {
		ID        uint64    `json:"ID"`
		Miner     string    `json:"miner"`
		DealID    int64     `json:"dealId"`
		Failed    bool      `json:"failed"`
		Slashed   bool      `json:"slashed"`
		OnChainAt time.Time `json:"onChainAt"`
		SealedAt  time.Time `json:"sealedAt"`
	} `json:"deal"`
	Transfer *struct {
		StatusMessage string `json:"statusMessage"`
	} `json:"transfer"`
	OnChain *struct {
		SectorStartEpoch int64 `json:"sectorStartEpoch"`
		SlashEpoch       int64 `json:"slashEpoch"`
	} `json:"onChainState"`
}

// State is the state of a deal in a word.
func (d DealStatus) State() string {
	switch {
	case d.Deal.Slashed || d.OnChain != nil && d.OnChain.SlashEpoch > 0:
		return "slashed"
	case d.Deal.Failed:
		return "failed"
	case d.OnChain != nil && d.OnChain.SectorStartEpoch > 0 || !d.Deal.SealedAt.IsZero():
		return "active"
	case d.Deal.DealID != 0:
		return "published"
	}
	return "proposed"
}

// Status returns a content with its deals.
func (c *Client) Status(ctx context.Context, id uint64) (s Status, err error) {
	var raw json.RawMessage
	if err := c.json(ctx, call{method: "GET", path: "/content/status/" + strconv.FormatUint(id, 10)}, &raw); err != nil {
		return s, err
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		return s, fmt.Errorf("status of content %d: the answer is not V1's: %w", id, err)
	}
	s.Raw = raw
	return s, nil
}

// A Pin is a pin as the IPFS Pinning Service API tells it. In V1 its id is the
// content's; others say what content it has become.
type Pin struct {
	ID     string `json:"requestid"`
	Status string `json:"status"`
	Pin    struct {
		CID  CID    `json:"cid"`
		Name string `json:"name"`
	} `json:"pin"`
	Content *struct {
		ID uint64 `json:"id"`
	} `json:"content"`
}

// id is the id of the pin, and content that of what it is in lists.
func (p Pin) id() (uint64, error) {
	id, err := strconv.ParseUint(p.ID, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("the host's pin %q has no number", cut(p.ID))
	}
	return id, nil
}

func (p Pin) content() (uint64, error) {
	if p.Content != nil && p.Content.ID != 0 {
		return p.Content.ID, nil
	}
	return p.id()
}

// pinPatience is how long a host may take to find that it has a CID.
const pinPatience = time.Minute

// pinned waits until a pin is pinned, has failed, or has taken too long.
func (c *Client) pinned(ctx context.Context, p Pin) (Pin, error) {
	id, err := p.id()
	if err != nil {
		return p, err
	}
	wait := 50 * time.Millisecond
	for deadline := time.Now().Add(pinPatience); p.Status != "pinned" && p.Status != "failed" && time.Now().Before(deadline); wait = min(2*wait, 2*time.Second) {
		if err := sleep(ctx, wait); err != nil {
			return p, err
		}
		if p, err = c.pin(ctx, id); err != nil {
			return p, err
		}
	}
	return p, nil
}

// Remove removes a content; V1 calls it unpinning, whatever made the content.
func (c *Client) Remove(ctx context.Context, id uint64) error {
	return c.json(ctx, call{method: "DELETE", path: "/pinning/pins/" + strconv.FormatUint(id, 10)}, nil)
}

// link puts a content with root, which the host has, at a place of a collection.
func (c *Client) link(ctx context.Context, root cid.Cid, name, col, dir string) (p Pin, err error) {
	meta := map[string]string{"collection": col, "dir": dir}
	if c.old.Load() {
		meta = map[string]string{"collection": col, "coluuid": col, "colpath": path.Join(dir, name)}
	}
	in := map[string]any{"cid": root.String(), "name": name, "origins": []string{}, "meta": meta}
	err = c.json(ctx, call{method: "POST", path: "/pinning/pins", query: url.Values{"overwrite": {"true"}}, in: in}, &p)
	return p, err
}

// pin returns the pin of a content.
func (c *Client) pin(ctx context.Context, id uint64) (p Pin, err error) {
	err = c.json(ctx, call{method: "GET", path: "/pinning/pins/" + strconv.FormatUint(id, 10)}, &p)
	return p, err
}
