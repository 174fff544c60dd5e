package estuaryapi

import (
	"encoding/json"
	"strconv"

	"github.com/whypfs/whypfs/buckets"
)

type newPins struct {
	pinFlags
	Body []pinBody `body:""`
}

// addPins pins up to 1000 DAGs: all, or none.
func (s *server) addPins(r *request, in newPins) (accepted[[]pinStatus], error) {
	var none accepted[[]pinStatus]
	list := make([]buckets.PinRequest, 0, len(in.Body))
	for _, b := range in.Body {
		req, err := s.pinRequest(r, b, b.place(), in.pinFlags)
		if err != nil {
			return none, err
		}
		list = append(list, req)
	}
	pins, err := s.buckets.PinAll(r.Context(), r.who.user.ID, list)
	if err != nil {
		return none, pinError(0, collectionError(r, "", err))
	}
	out, err := s.pinStatuses(r.Context(), pins, true)
	return accepted[[]pinStatus]{out}, err
}

type wantedPins struct {
	Body []wantedPin `body:""`
}

type wantedPin struct {
	ID json.Number `json:"content_id" doc:"requestid of a pin, or id of a content"`
}

// showPins shows pins, and contents as pins, in the order they are asked for.
func (s *server) showPins(r *request, in wantedPins) ([]pinStatus, error) {
	if len(in.Body) > maxPins {
		return nil, errInput("more than %d ids at once", maxPins)
	}
	pins := make([]buckets.Pin, 0, len(in.Body))
	for _, want := range in.Body {
		id, err := strconv.ParseUint(want.ID.String(), 10, 64)
		if err != nil {
			return nil, errInput("content_id: %s is not an id", quoted(want.ID.String()))
		}
		p, err := s.buckets.PinByID(r.Context(), r.who.user.ID, id)
		if err != nil {
			return nil, pinError(id, err)
		}
		pins = append(pins, p)
	}
	return s.pinStatuses(r.Context(), pins, true)
}
