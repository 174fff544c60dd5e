package estuaryapi

import (
	"errors"
	"net/http"
	"time"

	"github.com/whypfs/whypfs/buckets"
)

// stagingZone is V1's StagingZone (estuary model/stagingzone.go), without the
// capital twins of its keys.
type stagingZone struct {
	ID        uint64     `json:"id"`
	CreatedAt time.Time  `json:"createdAt"`
	UpdatedAt time.Time  `json:"updatedAt"`
	DeletedAt *time.Time `json:"deletedAt"`
	MinSize   int64      `json:"minSize"`
	MaxSize   int64      `json:"maxSize"`
	CurSize   int64      `json:"curSize"`
	User      uint64     `json:"user"`
	ContentID uint64     `json:"contentID"`
	Location  string     `json:"location"`
	Status    string     `json:"status"`
	Message   string     `json:"message"`
}

// zoneStatus gives V1's words for our states.
var zoneStatus = map[buckets.ZoneState]string{
	buckets.ZoneOpen:     "open",
	buckets.ZoneSealed:   "aggregating",
	buckets.ZonePacked:   "aggregating",
	buckets.ZoneDealing:  "done",
	buckets.ZoneComplete: "done",
}

func newStagingZone(z buckets.Zone) stagingZone {
	return stagingZone{
		ID: z.ID, CreatedAt: z.Opened, UpdatedAt: z.Changed, MinSize: z.Policy.Threshold, MaxSize: z.Policy.MaxPiece,
		CurSize: z.Size, User: z.Owner, ContentID: z.ID, Location: "local", Status: zoneStatus[z.State], Message: z.Reason,
	}
}

// listZones answers GET /content/staging-zones: the user's zones, newest first.
func (s *server) listZones(w http.ResponseWriter, r *http.Request, who caller) error {
	limit, offset, err := page(r)
	if err != nil {
		return err
	}
	zones, err := s.buckets.Zones(r.Context(), who.user.ID, "", limit, offset)
	if err != nil {
		return err
	}
	out := make([]stagingZone, 0, len(zones))
	for _, z := range zones {
		out = append(out, newStagingZone(z))
	}
	writeJSON(w, http.StatusOK, out)
	return nil
}

func (s *server) visibleZone(r *http.Request, who caller) (buckets.Zone, error) {
	id, err := pathID(r, "zone")
	if err != nil {
		return buckets.Zone{}, err
	}
	z, err := s.buckets.Zone(r.Context(), id)
	switch {
	case errors.Is(err, buckets.ErrNoZone):
		return z, errNoZone(id)
	case err != nil:
		return z, err
	case !who.sees(z.Owner):
		return z, errForeign("staging zone", who.user.ID, id)
	}
	return z, nil
}

// showZone answers GET /content/staging-zones/{zone}.
func (s *server) showZone(w http.ResponseWriter, r *http.Request, who caller) error {
	z, err := s.visibleZone(r, who)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, newStagingZone(z))
	return nil
}

// zoneContents answers GET /content/staging-zones/{zone}/contents: members, newest first.
func (s *server) zoneContents(w http.ResponseWriter, r *http.Request, who caller) error {
	limit, offset, err := page(r)
	if err != nil {
		return err
	}
	z, err := s.visibleZone(r, who)
	if err != nil {
		return err
	}
	members, err := s.newestMembers(r, z.ID, limit, offset)
	if err != nil {
		return err
	}
	out, err := s.contents(r.Context(), members)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, out)
	return nil
}

// newestMembers returns a page of a zone's members, newest first. Members are
// kept by ascending id, so the page's end of the zone is read and turned round.
func (s *server) newestMembers(r *http.Request, zone uint64, limit, offset int) ([]buckets.Content, error) {
	var last []buckets.Content // the limit+offset newest so far, oldest first
	for after := uint64(0); ; {
		batch, err := s.buckets.ZoneContents(r.Context(), zone, after, 1000)
		if err != nil {
			return nil, err
		}
		if len(batch) == 0 {
			break
		}
		after = batch[len(batch)-1].ID
		for _, c := range batch {
			if !c.Deleted {
				last = append(last, c)
			}
		}
		if extra := len(last) - limit - offset; extra > 0 {
			last = append(last[:0], last[extra:]...)
		}
	}
	var out []buckets.Content
	for i := len(last) - 1 - offset; i >= 0 && len(out) < limit; i-- {
		out = append(out, last[i])
	}
	return out, nil
}
