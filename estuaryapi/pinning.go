package estuaryapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/buckets"
)

const (
	pinLimit = 10   // of a page that asks for none, as the specification has it
	maxPins  = 1000 // of a page, of a batch, and of ids or CIDs that are asked for
)

// pinFilter is what GET /pinning/pins takes.
type pinFilter struct {
	CIDs   []cid.Cid  `query:"cid" doc:"CIDs of either version, with commas between them; at most 1000"`
	Name   string     `query:"name"`
	Match  string     `query:"match" default:"exact" enum:"exact,iexact,partial,ipartial" reason:"ERR_INVALID_QUERY_PARAM_VALUE" doc:"how names are compared"`
	Status []string   `query:"status" enum:"queued,pinning,pinned,failed" reason:"ERR_INVALID_PINNING_STATUS" doc:"states, with commas between them. Without it: pinned ones, or if cid, name, meta or requestid is there, all"`
	Before time.Time  `query:"before" doc:"made before"`
	After  time.Time  `query:"after" doc:"made after"`
	Limit  *int       `query:"limit" min:"1" max:"1000" reason:"ERR_INVALID_QUERY_PARAM_VALUE" doc:"of a page; 10 without it, but with requestid all that are asked for"`
	Meta   metaFilter `query:"meta" doc:"JSON object of strings, all of which a pin has in its meta"`
	IDs    []uint64   `query:"requestid" doc:"V1's: pins and contents by id, with commas between them; at most 1000"`
}

// query translates a filter. Without any only what is pinned is listed, as the
// specification says. What names that it wants, by id, CID, name or meta, gets
// it in any state: so V1 did, and so the specification's own checks want it.
func (f pinFilter) query(owner uint64) (buckets.PinQuery, error) {
	if len(f.IDs) > maxPins || len(f.CIDs) > maxPins {
		return buckets.PinQuery{}, errInput("more than %d ids or CIDs at once", maxPins)
	}
	q := buckets.PinQuery{Owner: owner, IDs: f.IDs, CIDs: f.CIDs, Name: f.Name, Match: buckets.PinMatch(f.Match),
		Before: f.Before, After: f.After, Meta: f.Meta.values, Limit: pinLimit}
	for _, state := range f.Status {
		q.States = append(q.States, buckets.PinState(state))
	}
	if q.States == nil && len(q.IDs) == 0 && len(q.CIDs) == 0 && q.Name == "" && len(q.Meta) == 0 {
		q.States = []buckets.PinState{buckets.PinPinned}
	}
	switch {
	case f.Limit != nil:
		q.Limit = *f.Limit
	case len(q.IDs) > 0:
		q.Limit = 0
	}
	return q, nil
}

// listPins lists the caller's pins, newest first.
func (s *server) listPins(r *request, in pinFilter) (pinResults, error) {
	q, err := in.query(r.who.user.ID)
	if err != nil {
		return pinResults{}, err
	}
	page, err := s.buckets.Pins(r.Context(), q)
	if err != nil {
		return pinResults{}, err
	}
	// The specification's checks take no field of V1's in a list, and V1's
	// clients, who ask by requestid, may want it.
	list, err := s.pinStatuses(r.Context(), page.Pins, len(in.IDs) > 0)
	return pinResults{page.Count, list}, err
}

// pinID names a pin, or any content, in a path.
type pinID struct {
	ID uint64 `path:"pinid" doc:"requestid of a pin, or id of a content"`
}

// pinFlags are V1's own parameters of a new pin.
type pinFlags struct {
	Overwrite   bool `query:"overwrite" doc:"true: it replaces what has its path in the collection"`
	IgnoreDupes bool `query:"ignore-dupes" doc:"true: what the caller has already is refused"`
}

type newPin struct {
	pinFlags
	Body pinBody `body:""`
}

// addPin pins a DAG for the caller.
func (s *server) addPin(r *request, in newPin) (accepted[pinStatus], error) {
	return s.pin(r, in.Body, in.Body.place(), in.pinFlags)
}

type newIPFS struct {
	pinFlags
	Body ipfsBody `body:""`
}

// addIPFS is addPin for POST /content/add-ipfs.
func (s *server) addIPFS(r *request, in newIPFS) (accepted[pinStatus], error) {
	body, at := in.Body.pin()
	return s.pin(r, body, at, in.pinFlags)
}

func (s *server) pin(r *request, body pinBody, at pinPlace, flags pinFlags) (accepted[pinStatus], error) {
	req, err := s.pinRequest(r, body, at, flags)
	if err != nil {
		return accepted[pinStatus]{}, err
	}
	p, err := s.buckets.Pin(r.Context(), r.who.user.ID, req)
	if err != nil {
		return accepted[pinStatus]{}, pinError(0, collectionError(r, at.collection, err))
	}
	return s.acceptedPin(r, p)
}

// pinRequest is what a body asks for at a place, if flags let it.
func (s *server) pinRequest(r *request, body pinBody, at pinPlace, flags pinFlags) (buckets.PinRequest, error) {
	req, err := body.request()
	if err != nil {
		return req, err
	}
	if flags.IgnoreDupes {
		if known, err := s.has(r.Context(), r.who.user.ID, req.CID); err != nil || known {
			return req, cmp.Or(err, error(errKnownPin))
		}
	}
	if at.collection == "" {
		return req, nil
	}
	dir, base := at.of(cmp.Or(req.Name, req.CID.String()))
	name := req.Name
	req.Name = base // which the place gets; the pin keeps its own
	req, err = s.collections.PinIn(r.Context(), r.who.user.ID, at.collection, dir, flags.Overwrite, req)
	req.Name = name
	return req, collectionError(r, at.collection, err)
}

func (s *server) acceptedPin(r *request, p buckets.Pin) (accepted[pinStatus], error) {
	st, err := s.pinStatus(r.Context(), p)
	return accepted[pinStatus]{st}, err
}

// errKnownPin is V1's answer to ignore-dupes.
var errKnownPin = otherBody{http.StatusFound, messageJSON{"content with given cid already preserved"}}

// has says whether a user has a content or a pin with that root.
func (s *server) has(ctx context.Context, owner uint64, root cid.Cid) (bool, error) {
	page, err := s.buckets.Pins(ctx, buckets.PinQuery{Owner: owner, CIDs: []cid.Cid{root}, Limit: 1})
	if err != nil || page.Count > 0 {
		return page.Count > 0, err
	}
	list, err := s.buckets.ContentsByCID(ctx, root)
	for _, c := range list {
		if c.Owner == owner {
			return true, nil
		}
	}
	return false, err
}

// showPin shows a pin, or a content as a pin. Others' are as unknown as those
// that are not there.
func (s *server) showPin(r *request, in pinID) (pinStatus, error) {
	p, err := s.buckets.PinByID(r.Context(), r.who.user.ID, in.ID)
	if err != nil {
		return pinStatus{}, pinError(in.ID, err)
	}
	return s.pinStatus(r.Context(), p)
}

type replacedPin struct {
	pinID
	Body pinBody `body:""`
}

// replacePin puts a new pin in the place of another, or of a content, also in collections.
func (s *server) replacePin(r *request, in replacedPin) (accepted[pinStatus], error) {
	req, err := in.Body.request()
	if err != nil {
		return accepted[pinStatus]{}, err
	}
	p, err := s.collections.Replace(r.Context(), r.who.user.ID, in.ID, req)
	if err != nil {
		return accepted[pinStatus]{}, pinError(in.ID, err)
	}
	return s.acceptedPin(r, p)
}

// deletePin removes a pin, or a content.
func (s *server) deletePin(r *request, in pinID) (accepted[any], error) {
	err := s.buckets.Unpin(r.Context(), r.who.user.ID, in.ID)
	return accepted[any]{}, pinError(in.ID, err)
}

func errNoPin(id uint64) apiError {
	return apiError{http.StatusNotFound, "ERR_CONTENT_NOT_FOUND", fmt.Sprintf("content with ID(%d) was not found", id)}
}

// pinError says of an error what its sender can do about it.
func pinError(id uint64, err error) error {
	switch {
	case errors.Is(err, buckets.ErrNoPin):
		return errNoPin(id)
	case errors.Is(err, buckets.ErrInvalidPin):
		return errInput("%v", err)
	}
	return err
}
