package estuaryapi

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/whypfs/whypfs/buckets"
)

// pinJSON is a Pin of the Pinning Service API, V1's IpfsPin.
type pinJSON struct {
	CID     string            `json:"cid"`
	Name    string            `json:"name,omitempty"`
	Origins []string          `json:"origins"`
	Meta    map[string]string `json:"meta"`
}

// pinStatus is its PinStatus, with V1's content beside it.
type pinStatus struct {
	RequestID string            `json:"requestid"`
	Status    string            `json:"status" doc:"queued, pinning, pinned or failed"`
	Created   time.Time         `json:"created"`
	Delegates []string          `json:"delegates" doc:"addresses of this node: who has the data may connect to it"`
	Info      map[string]string `json:"info" doc:"status_details: why it is in that state, and what it waits for; blocks and bytes: how many have come; next_try"`
	Pin       pinJSON           `json:"pin"`
	Content   *content          `json:"content,omitempty" doc:"once it is pinned; in lists only of what was asked for by requestid"`
}

// pinResults is its PinResults.
type pinResults struct {
	Count   int         `json:"count" doc:"how many match, on this page or not"`
	Results []pinStatus `json:"results"`
}

const maxDelegates = 20 // as the specification has it

// delegates are where this node is dialled.
func (s *server) delegates() []string { return append([]string{}, s.node.Reach(maxDelegates)...) }

func (s *server) pinStatus(ctx context.Context, p buckets.Pin) (pinStatus, error) {
	list, err := s.pinStatuses(ctx, []buckets.Pin{p}, true)
	if err != nil {
		return pinStatus{}, err
	}
	return list[0], nil
}

// pinStatuses translates pins, with their contents or without.
func (s *server) pinStatuses(ctx context.Context, pins []buckets.Pin, contents bool) ([]pinStatus, error) {
	var kept map[uint64]content
	if contents {
		var err error
		if kept, err = s.pinContents(ctx, pins); err != nil {
			return nil, err
		}
	}
	out, delegates := make([]pinStatus, 0, len(pins)), s.delegates()
	for _, p := range pins {
		st := pinStatus{
			RequestID: strconv.FormatUint(p.ID, 10), Status: string(p.State), Created: p.Created, Delegates: delegates, Info: pinInfo(p),
			Pin: pinJSON{CID: p.CID.String(), Name: p.Name, Origins: append([]string{}, p.Origins...), Meta: p.Meta},
		}
		if st.Pin.Meta == nil {
			st.Pin.Meta = map[string]string{}
		}
		if c, ok := kept[p.Content]; ok {
			c.ID, c.PinMeta, c.Origins = p.ID, pinMeta(p), pinOrigins(p)
			st.Content = &c
		}
		out = append(out, st)
	}
	return out, nil
}

// pinContents returns the contents that pins have become, by their own ids. One that is
// removed meanwhile is left out.
func (s *server) pinContents(ctx context.Context, pins []buckets.Pin) (map[uint64]content, error) {
	var list []buckets.Content
	for _, p := range pins {
		if p.Content == 0 {
			continue
		}
		c, err := s.buckets.Content(ctx, p.Content)
		if err != nil && !errors.Is(err, buckets.ErrNoContent) {
			return nil, err
		}
		if err == nil && !c.Deleted {
			list = append(list, c)
		}
	}
	told, err := s.contents(ctx, list)
	if err != nil {
		return nil, err
	}
	byID := map[uint64]content{}
	for i, c := range told {
		byID[list[i].ID] = c
	}
	return byID, nil
}

// pinInfo says how far a pin is, for a person.
func pinInfo(p buckets.Pin) map[string]string {
	info := map[string]string{}
	if p.Reason != "" {
		info["status_details"] = p.Reason
	}
	if p.State == buckets.PinPinned {
		return info
	}
	if p.Blocks > 0 {
		info["blocks"] = strconv.FormatInt(p.Blocks, 10)
		info["bytes"] = strconv.FormatInt(p.Bytes, 10)
	}
	if p.Tries > 0 {
		info["next_try"] = p.Next.Format(time.RFC3339)
	}
	return info
}

// pinMeta and pinOrigins are JSON in a string, as a content of V1's has them.
func pinMeta(p buckets.Pin) string {
	if len(p.Meta) == 0 {
		return ""
	}
	text, _ := json.Marshal(p.Meta) // of strings: it cannot fail
	return string(text)
}

func pinOrigins(p buckets.Pin) string {
	type peerInfo struct{ ID, Addrs any }
	var list []peerInfo
	for _, o := range p.Origins {
		i := strings.LastIndex(o, "/p2p/")
		if i < 0 {
			continue
		}
		list = append(list, peerInfo{o[i+len("/p2p/"):], []string{o[:i]}})
	}
	if list == nil {
		return ""
	}
	text, _ := json.Marshal(list)
	return string(text)
}
