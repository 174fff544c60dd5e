package estuaryapi

import (
	"errors"
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

// listZones lists the user's zones, newest first.
func (s *server) listZones(r *request, in page) ([]stagingZone, error) {
	zones, err := s.buckets.Zones(r.Context(), r.who.user.ID, "", in.Limit, in.Offset)
	if err != nil {
		return nil, err
	}
	out := make([]stagingZone, 0, len(zones))
	for _, z := range zones {
		out = append(out, newStagingZone(z))
	}
	return out, nil
}

// openZones are everybody's zones that take contents, by their owners.
func (s *server) openZones(r *request, _ nothing) (map[uint64][]stagingZone, error) {
	out := map[uint64][]stagingZone{}
	for offset := 0; ; offset += batch {
		zones, err := s.buckets.Zones(r.Context(), 0, "", batch, offset)
		if err != nil || len(zones) == 0 {
			return out, err
		}
		for _, z := range zones {
			if z.State == buckets.ZoneOpen {
				out[z.Owner] = append(out[z.Owner], newStagingZone(z))
			}
		}
	}
}

// zoneID names a zone in a path.
type zoneID struct {
	Zone uint64 `path:"zone" doc:"id of a zone"`
}

func (s *server) visibleZone(r *request, in zoneID) (buckets.Zone, error) {
	z, err := s.buckets.Zone(r.Context(), in.Zone)
	switch {
	case errors.Is(err, buckets.ErrNoZone):
		return z, errNoZone(in.Zone)
	case err != nil:
		return z, err
	case !r.who.sees(z.Owner):
		return z, errForeign("staging zone", r.who.user.ID, in.Zone)
	}
	return z, nil
}

// showZone shows one zone.
func (s *server) showZone(r *request, in zoneID) (stagingZone, error) {
	z, err := s.visibleZone(r, in)
	if err != nil {
		return stagingZone{}, err
	}
	return newStagingZone(z), nil
}

// zonePage asks for a page of a zone's members.
type zonePage struct {
	zoneID
	page
}

// zoneContents lists a zone's members, newest first.
func (s *server) zoneContents(r *request, in zonePage) ([]content, error) {
	z, err := s.visibleZone(r, in.zoneID)
	if err != nil {
		return nil, err
	}
	members, err := s.newestMembers(r, z.ID, in.Limit, in.Offset)
	if err != nil {
		return nil, err
	}
	return s.contents(r.Context(), members)
}

// newestMembers returns a page of a zone's members, newest first. Members are
// kept by ascending id, so the page's end of the zone is read and turned round.
func (s *server) newestMembers(r *request, zone uint64, limit, offset int) ([]buckets.Content, error) {
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
