package estuaryapi

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/ipfs/go-cid"
)

// batch is how many rows are read at once for a list without end.
const batch = 1000

// writeList answers with a JSON array of all that next gives, a batch at a time,
// until it gives none. An error before the first batch is answered as one.
func writeList[T any](w http.ResponseWriter, next func() ([]T, error)) error {
	list, err := next()
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(http.StatusOK)
	sep := "["
	for len(list) > 0 {
		for _, v := range list {
			b, err := json.Marshal(v)
			if err != nil {
				return err
			}
			if _, err := w.Write(append([]byte(sep), b...)); err != nil {
				return err
			}
			sep = ",\n"
		}
		if list, err = next(); err != nil {
			return err
		}
	}
	if sep == "[" {
		_, err = w.Write([]byte("[]\n"))
		return err
	}
	_, err = w.Write([]byte("]\n"))
	return err
}

// listAll lists all of the caller's contents, newest first, then his aggregates.
func (s *server) listAll(w http.ResponseWriter, r *request, _ nothing) error {
	before, contents, offset := uint64(0), true, 0
	return writeList(w, func() ([]content, error) {
		if contents {
			list, err := s.buckets.ContentsBefore(r.Context(), r.who.user.ID, before, batch)
			if err != nil {
				return nil, err
			}
			if len(list) > 0 {
				before = list[len(list)-1].ID
				return s.contents(r.Context(), list)
			}
			contents = false
		}
		return s.activeAggregates(r, &offset)
	})
}

// activeAggregates returns the next of the caller's zones that are packed; none: no more.
func (s *server) activeAggregates(r *request, offset *int) ([]content, error) {
	for {
		zones, err := s.buckets.Zones(r.Context(), r.who.user.ID, "", batch, *offset)
		if err != nil || len(zones) == 0 {
			return nil, err
		}
		*offset += len(zones)
		var out []content
		for _, z := range zones {
			c, err := s.aggregate(r.Context(), z)
			if err != nil {
				return nil, err
			}
			if c.Active {
				out = append(out, c)
			}
		}
		if len(out) > 0 {
			return out, nil
		}
	}
}

// contentStats is V1's statsResp.
type contentStats struct {
	ID              uint64    `json:"id"`
	CID             cid.Cid   `json:"cid"`
	Name            string    `json:"name"`
	Size            int64     `json:"size"`
	CreatedAt       time.Time `json:"createdAt"`
	BWUsed          int64     `json:"bwUsed" doc:"bytes that went out over HTTP"`
	TotalRequests   int64     `json:"totalRequests"`
	Offloaded       bool      `json:"offloaded"`
	AggregatedFiles int64     `json:"aggregatedFiles"`
	PinningStatus   string    `json:"pinningStatus"`
}

// contentStats tells of the caller's contents, newest first.
func (s *server) contentStats(r *request, in page) ([]contentStats, error) {
	list, err := s.buckets.Contents(r.Context(), r.who.user.ID, in.Limit, in.Offset)
	if err != nil {
		return nil, err
	}
	shown, err := s.contents(r.Context(), list)
	if err != nil {
		return nil, err
	}
	roots := make([]cid.Cid, len(list))
	for i, c := range list {
		roots[i] = c.CID
	}
	sent, err := s.buckets.TrafficOf(r.Context(), roots)
	if err != nil {
		return nil, err
	}
	out := make([]contentStats, 0, len(list))
	for i, c := range list {
		out = append(out, contentStats{ID: c.ID, CID: c.CID, Name: c.Name, Size: c.Size, CreatedAt: c.Created,
			BWUsed: sent[i].Bytes, TotalRequests: sent[i].Requests, Offloaded: c.Offloaded, PinningStatus: shown[i].PinningStatus})
	}
	return out, nil
}
