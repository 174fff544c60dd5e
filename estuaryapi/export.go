package estuaryapi

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/whypfs/whypfs/buckets"
)

// export is what V1 exports of a user.
type export struct {
	Version  string
	Date     time.Time
	Version1 struct {
		Contents []content
		Deals    []contentDeal
	}
}

const (
	exportVersion = "v0.0.1"
	exportPage    = 500
)

// exportUser writes all of the caller's contents and deals, page by page: there
// may be millions. An error behind the first byte cuts the answer.
func (s *server) exportUser(w http.ResponseWriter, r *request, _ nothing) error {
	first, err := s.buckets.ContentsBefore(r.Context(), r.who.user.ID, 0, exportPage)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	out := exportWriter{w: w, enc: json.NewEncoder(w)}
	date, err := json.Marshal(time.Now().UTC())
	if err != nil {
		return err
	}
	out.text(`{"Version":"` + exportVersion + `","Date":` + string(date) + `,"Version1":{"Contents":[`)
	if err := s.exportPages(r, first, &out, func(c buckets.Content, v content) error { return out.value(v) }); err != nil {
		return err
	}
	out.text(`],"Deals":[`)
	out.begun = false
	if err := s.exportPages(r, first, &out, func(c buckets.Content, _ content) error {
		made, err := s.dealsOf(r.Context(), c)
		for _, d := range made {
			if err := out.value(newDealStatus(c, d).Deal); err != nil {
				return err
			}
		}
		return err
	}); err != nil {
		return err
	}
	out.text("]}}\n")
	return out.err
}

// exportPages calls each for all of the caller's contents, from the newest on.
func (s *server) exportPages(r *request, list []buckets.Content, out *exportWriter, each func(buckets.Content, content) error) error {
	for len(list) > 0 && out.err == nil {
		values, err := s.contents(r.Context(), list)
		if err != nil {
			return err
		}
		for i, v := range values {
			v.PinningStatus = ""
			if err := each(list[i], v); err != nil {
				return err
			}
		}
		if list, err = s.buckets.ContentsBefore(r.Context(), r.who.user.ID, list[len(list)-1].ID, exportPage); err != nil {
			return err
		}
	}
	return out.err
}

// exportWriter writes lists of JSON values.
type exportWriter struct {
	w     http.ResponseWriter
	enc   *json.Encoder
	begun bool // the list has a value
	err   error
}

func (e *exportWriter) text(s string) {
	if e.err == nil {
		_, e.err = e.w.Write([]byte(s))
	}
}

func (e *exportWriter) value(v any) error {
	if e.begun {
		e.text(",")
	}
	e.begun = true
	if e.err == nil {
		e.err = e.enc.Encode(v)
	}
	return e.err
}
