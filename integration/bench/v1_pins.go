package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"time"
)

// pinStates are those of the Pinning Service API.
var pinStates = []string{"queued", "pinning", "pinned", "failed"}

// A pinProgress is how the states of pins moved.
type pinProgress struct {
	half, all time.Duration // until so many were pinned
	still     time.Duration // the longest in which no other was
	most      map[string]int
}

// pinPage is an answer to GET /pinning/pins.
type pinPage struct {
	Count   int `json:"count"`
	Results []struct {
		ID      uint64    `json:"requestid,string"`
		Status  string    `json:"status"`
		Created time.Time `json:"created"`
		Pin     struct {
			CID string `json:"cid"`
		} `json:"pin"`
	} `json:"results"`
}

// follow looks at the states until so many pins are pinned. It fails if one
// fails, if fewer are pinned than before, or if none is for a long time.
func (p *pinProgress) follow(ctx context.Context, n *v1Node, wanted int, looks *spread) error {
	p.most = map[string]int{}
	begin := time.Now()
	moved, told, before := begin, begin, 0
	for {
		var count [4]int
		for i, state := range pinStates {
			var page pinPage
			sent := time.Now()
			if err := n.get(ctx, "/pinning/pins?limit=1000&status="+state, &page); err != nil {
				return err
			}
			looks.add(time.Since(sent))
			count[i] = page.Count
			p.most[state] = max(p.most[state], page.Count)
		}
		now, pinned := time.Now(), p.most["pinned"]
		switch {
		case p.most["failed"] > 0:
			return fmt.Errorf("%d pins have failed", p.most["failed"])
		case count[2] < pinned:
			return fmt.Errorf("%d pins are pinned, and %d were", count[2], pinned)
		}
		if pinned > before {
			before, moved = pinned, now
		}
		p.still = max(p.still, now.Sub(moved))
		if p.half == 0 && 2*pinned >= wanted {
			p.half = now.Sub(begin)
		}
		if pinned == wanted {
			p.all = now.Sub(begin)
			return nil
		}
		if now.Sub(moved) > pinStall {
			return fmt.Errorf("no pin was pinned for %s: %v are %v", pinStall, count, pinStates)
		}
		if now.Sub(told) > 5*time.Second {
			told = now
			fmt.Fprintf(os.Stderr, "after %3.0f s: %v are %v\n", now.Sub(begin).Seconds(), count, pinStates)
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// listed says whether all uploads and pins are in V1's list of contents, under
// their ids, and all pins among those that are pinned, each once.
func (n *v1Node) listed(ctx context.Context, uploaded, pinned []thing) error {
	contents := map[uint64]string{}
	for {
		var page []struct {
			ID     uint64 `json:"id"`
			CID    string `json:"cid"`
			Active bool   `json:"active"`
			Status string `json:"pinningStatus"`
		}
		if err := n.get(ctx, "/content/contents?limit=1000&offset="+strconv.Itoa(len(contents)), &page); err != nil {
			return err
		}
		if len(page) == 0 {
			break
		}
		for _, c := range page {
			if contents[c.ID] != "" || !c.Active || c.Status != "pinned" {
				return fmt.Errorf("content %d is listed as %+v", c.ID, c)
			}
			contents[c.ID] = c.CID
		}
	}
	if err := missing("contents", contents, uploaded, pinned); err != nil {
		return err
	}
	pins := map[uint64]string{}
	for before := ""; ; {
		var page pinPage
		if err := n.get(ctx, "/pinning/pins?status=pinned&limit=1000"+before, &page); err != nil {
			return err
		}
		if len(page.Results) == 0 {
			break
		}
		for _, p := range page.Results {
			if pins[p.ID] != "" {
				return fmt.Errorf("pin %d is listed twice", p.ID)
			}
			pins[p.ID] = p.Pin.CID
			before = "&before=" + url.QueryEscape(p.Created.Format(time.RFC3339Nano))
		}
	}
	return missing("pins", pins, pinned)
}

// missing says which things are not in a list.
func missing(what string, list map[uint64]string, things ...[]thing) error {
	n, lost, first := 0, 0, ""
	for _, some := range things {
		for _, t := range some {
			if n++; list[t.id] != t.cid {
				if lost++; first == "" {
					first = fmt.Sprintf("%s, id %d, %s, is %q", t.name(), t.id, t.cid, list[t.id])
				}
			}
		}
	}
	if lost > 0 || len(list) < n {
		return fmt.Errorf("%d of %d %s are not listed, and %d are: %s", lost, n, what, len(list), first)
	}
	return nil
}
