package estuaryapi

import (
	"context"
	"errors"
	"time"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/deals"
)

// dfeRecord is V1's record of a failed step of a deal (estuary model.DfeRecord).
type dfeRecord struct {
	ID           int64 `doc:"the record's time in microseconds"`
	CreatedAt    time.Time
	UpdatedAt    time.Time
	DeletedAt    *time.Time
	Miner        string `json:"miner"`
	DealUUID     string `json:"deal_uuid"`
	Phase        string `json:"phase"`
	Message      string `json:"message"`
	Content      uint64 `json:"content" doc:"id of the zone, V1's aggregate"`
	MinerVersion string `json:"minerVersion"`
	UserID       uint64 `json:"user_id"`
	Protocol     string `json:"deal_protocol_version"`
}

func newDfeRecord(f deals.Failure, owner uint64) dfeRecord {
	return dfeRecord{ID: f.Time.UnixMicro(), CreatedAt: f.Time, UpdatedAt: f.Time, Miner: f.Provider, DealUUID: f.Deal, Phase: f.Phase,
		Message: f.Message, Content: f.Zone, UserID: owner, Protocol: dealProtocol}
}

// failurePage asks for a part of the records of failures.
type failurePage struct {
	Limit  int       `query:"limit" default:"500" max:"10000" doc:"most records to answer"`
	Before time.Time `query:"before" doc:"not later than this"`
}

// publicFailures lists everybody's failures, newest first, without saying whose.
func (s *server) publicFailures(r *request, in failurePage) ([]dfeRecord, error) {
	return s.failures(r.Context(), 0, in)
}

// ownFailures lists the failures of the caller's zones, newest first.
func (s *server) ownFailures(r *request, in failurePage) ([]dfeRecord, error) {
	return s.failures(r.Context(), r.who.user.ID, in)
}

// failures returns records of the zones of an owner; 0: of anybody's.
func (s *server) failures(ctx context.Context, owner uint64, in failurePage) ([]dfeRecord, error) {
	all, err := s.deals.Failures(ctx, 0, 0)
	if err != nil {
		return nil, err
	}
	out := []dfeRecord{}
	his := map[uint64]bool{} // by zone
	for _, f := range all {
		if len(out) == in.Limit {
			break
		}
		if !in.Before.IsZero() && f.Time.After(in.Before) {
			continue
		}
		if _, known := his[f.Zone]; !known && owner != 0 {
			z, err := s.buckets.Zone(ctx, f.Zone)
			if err != nil && !errors.Is(err, buckets.ErrNoZone) {
				return nil, err
			}
			his[f.Zone] = err == nil && z.Owner == owner
		}
		if owner == 0 || his[f.Zone] {
			out = append(out, newDfeRecord(f, owner))
		}
	}
	return out, nil
}

// contentFailures lists the failures of the deals of a content's zone, newest first.
func (s *server) contentFailures(r *request, in contentID) ([]dfeRecord, error) {
	out := []dfeRecord{}
	k, err := s.kept(r, in)
	if err != nil || k.zoneOf() == 0 {
		return out, err
	}
	list, err := s.deals.Failures(r.Context(), k.zoneOf(), 0)
	for _, f := range list {
		out = append(out, newDfeRecord(f, k.owner()))
	}
	return out, err
}
