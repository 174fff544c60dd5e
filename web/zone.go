package web

import (
	"strconv"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/deals"
	"github.com/whypfs/whypfs/deals/piece"
)

type zoneRow struct {
	buckets.Zone
	In     bucketView
	Filled float64 // of the threshold, percent
}

func newZoneRow(z buckets.Zone, in bucketView) zoneRow {
	row := zoneRow{Zone: z, In: in}
	if z.Policy.Threshold > 0 {
		row.Filled = min(100, 100*float64(z.Distinct())/float64(z.Policy.Threshold))
	}
	return row
}

// listZones shows zones newest first.
func (s *server) listZones(c *call) error {
	owner := c.user.ID
	if c.admin() {
		owner = 0
	}
	p := paging(c)
	zones, err := s.buckets.Zones(c.r.Context(), owner, "", pageSize+1, p.offset)
	if err != nil {
		return err
	}
	var data struct {
		Zones []zoneRow
		Page  page
	}
	zones, data.Page = cut(c, p, zones)
	var uuids []string
	for _, z := range zones {
		uuids = append(uuids, z.Bucket)
	}
	in, err := s.bucketsOf(c, uuids)
	if err != nil {
		return err
	}
	for _, z := range zones {
		data.Zones = append(data.Zones, newZoneRow(z, in[z.Bucket]))
	}
	return s.ok(c, "zones", view{Title: "Zones", Nav: "zones", Refresh: true, Scripts: []string{"refresh.js"}, Data: data})
}

// visibleZone returns the zone that the path names, if the caller may see it.
func (s *server) visibleZone(c *call) (buckets.Zone, error) {
	id, err := strconv.ParseUint(c.r.PathValue("zone"), 10, 64)
	if err != nil {
		return buckets.Zone{}, buckets.ErrNoZone
	}
	z, err := s.buckets.Zone(c.r.Context(), id)
	if err == nil && !c.sees(z.Owner) {
		err = buckets.ErrNoZone
	}
	return z, err
}

// shownChoices is of how many pieces a zone's page tells how providers were chosen.
const shownChoices = 4

type zoneView struct {
	Zone           zoneRow
	Members        []memberRow
	After          string // URL of the next members
	First          string // URL of the first members
	Pieces         []piece.Piece
	Deals          []deals.Deal
	Wanted, Active int
	Choices        []deals.Choice // of providers, by piece
	Failures       []deals.Failure
	Admin          bool
}

type memberRow struct {
	buckets.Content
	URL   string // "" if no object names it any more
	Older bool   // another version of its key is the current one
}

func (s *server) showZone(c *call) error {
	ctx := c.r.Context()
	z, err := s.visibleZone(c)
	if err != nil {
		return err
	}
	in, err := s.bucketsOf(c, []string{z.Bucket})
	if err != nil {
		return err
	}
	data := zoneView{Zone: newZoneRow(z, in[z.Bucket]), Admin: c.admin()}
	if err := s.zoneMembers(c, &data); err != nil {
		return err
	}
	if len(z.Pieces) > 0 {
		if data.Pieces, err = s.deals.Pieces(ctx, z.ID); err != nil {
			return err
		}
		if data.Deals, err = s.deals.Deals(ctx, z.ID, "", pageSize, 0); err != nil {
			return err
		}
		for _, p := range data.Pieces[:min(len(data.Pieces), shownChoices)] {
			choice, err := s.deals.Candidates(ctx, p.CID)
			if err != nil {
				return err
			}
			data.Choices = append(data.Choices, choice)
		}
		if data.Wanted, data.Active, _, err = s.deals.Progress(ctx, z.ID); err != nil {
			return err
		}
	}
	if data.Failures, err = s.deals.Failures(ctx, z.ID, 10); err != nil {
		return err
	}
	return s.ok(c, "zone", view{Title: "Zone " + strconv.FormatUint(z.ID, 10), Nav: "zones", Refresh: true,
		Scripts: []string{"copy.js", "refresh.js"}, Data: data})
}

func (s *server) zoneMembers(c *call, data *zoneView) error {
	z := data.Zone
	after, err := strconv.ParseUint(c.r.URL.Query().Get("after"), 10, 64)
	if err != nil {
		after = 0
	}
	members, err := s.buckets.ZoneContents(c.r.Context(), z.ID, after, pageSize+1)
	if err != nil {
		return err
	}
	self := "/ui/zones/" + strconv.FormatUint(z.ID, 10)
	if len(members) > pageSize {
		members = members[:pageSize]
		data.After = self + "?after=" + strconv.FormatUint(members[pageSize-1].ID, 10)
	}
	if after > 0 {
		data.First = self
	}
	objects, err := s.buckets.ObjectsOf(c.r.Context(), z.In.Bucket, members)
	if err != nil {
		return err
	}
	for _, m := range members {
		row := memberRow{Content: m}
		if o, ok := objects[m.ID]; ok && z.In.Ref != "" {
			version := ""
			if row.Older = !o.Latest; row.Older {
				version = o.VersionID()
			}
			row.URL = objectURL(z.In.Ref, "object", o.Key, version)
		}
		data.Members = append(data.Members, row)
	}
	return nil
}

// sealZone closes an open zone now, for who does not want to wait.
func (s *server) sealZone(c *call) error {
	if err := c.form(); err != nil {
		return err
	}
	z, err := s.visibleZone(c)
	if err != nil {
		return err
	}
	if err := s.buckets.SealZone(c.r.Context(), z.ID); err != nil {
		return err
	}
	s.redirect(c, "/ui/zones/"+strconv.FormatUint(z.ID, 10))
	return nil
}
