package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ipfs/go-cid"

	"github.com/whypfs/whypfs/buckets"
)

type pinRow struct {
	buckets.Pin
	OwnerName string
}

// Unfinished says whether the pin is still to come, so that it can be tried now.
func (p pinRow) Unfinished() bool { return p.State != buckets.PinPinned }

type pinsView struct {
	Pins        []pinRow
	Count       int // of those that were asked for
	States      []crumb
	State, Find string
	First, Next string // URLs
	Form        pinForm
	Problem     *pageError
}

// pinForm is the form of a new pin, as it was sent.
type pinForm struct{ CID, Name, Origins, Bucket string }

// pinOwner is whose pins the caller sees; 0: everybody's.
func (c *call) pinOwner() uint64 {
	if c.admin() {
		return 0
	}
	return c.user.ID
}

func (s *server) listPins(c *call) error { return s.pinsPage(c, http.StatusOK, pinsView{}) }

func (s *server) pinsPage(c *call, status int, data pinsView) error {
	q := c.r.URL.Query()
	query := buckets.PinQuery{Owner: c.pinOwner(), Limit: pageSize}
	data.Find = strings.TrimSpace(q.Get("find"))
	query.Name, query.Match = data.Find, buckets.MatchIPartial
	if state := buckets.PinState(q.Get("state")); slices.Contains(buckets.PinStates, state) {
		data.State, query.States = string(state), []buckets.PinState{state}
	}
	if before, err := time.Parse(time.RFC3339Nano, q.Get("before")); err == nil {
		query.Before = before
		data.First = pinsURL(data.State, data.Find, time.Time{})
	}
	list, err := s.buckets.Pins(c.r.Context(), query)
	if err != nil {
		return err
	}
	names, err := s.userNames(c)
	if err != nil {
		return err
	}
	for _, p := range list.Pins {
		data.Pins = append(data.Pins, pinRow{p, names[p.Owner]})
	}
	if data.Count = list.Count; data.Count > len(list.Pins) {
		data.Next = pinsURL(data.State, data.Find, list.Pins[len(list.Pins)-1].Created)
	}
	data.States = []crumb{{"", pinsURL("", data.Find, time.Time{})}}
	for _, state := range buckets.PinStates {
		data.States = append(data.States, crumb{string(state), pinsURL(string(state), data.Find, time.Time{})})
	}
	return s.render(c, status, "pins", view{Title: "Pins", Nav: "pins", Refresh: true, Scripts: []string{"copy.js", "refresh.js"}, Data: data})
}

func pinsURL(state, find string, before time.Time) string {
	q := url.Values{}
	if state != "" {
		q.Set("state", state)
	}
	if find != "" {
		q.Set("find", find)
	}
	if !before.IsZero() {
		q.Set("before", before.Format(time.RFC3339Nano))
	}
	u := url.URL{Path: "/ui/pins", RawQuery: q.Encode()}
	return u.String()
}

func pinURL(id uint64) string { return "/ui/pins/" + strconv.FormatUint(id, 10) }

// addPin keeps a DAG that others have.
func (s *server) addPin(c *call) error {
	if err := c.form(); err != nil {
		return err
	}
	f := c.r.PostForm
	form := pinForm{CID: strings.TrimSpace(f.Get("cid")), Name: strings.TrimSpace(f.Get("name")),
		Origins: strings.TrimSpace(f.Get("origins")), Bucket: strings.TrimSpace(f.Get("bucket"))}
	p, err := s.pinAs(c, form)
	if err == nil {
		s.redirect(c, pinURL(p.ID))
		return nil
	}
	problem, err := refusal(err)
	if err != nil {
		return err
	}
	return s.pinsPage(c, problem.status, pinsView{Form: form, Problem: problem})
}

func (s *server) pinAs(c *call, form pinForm) (buckets.Pin, error) {
	root, err := cid.Decode(form.CID)
	if err != nil {
		return buckets.Pin{}, errPin.because("%q is not a CID.", form.CID)
	}
	owner, r := c.user.ID, buckets.PinRequest{CID: root, Name: form.Name,
		Origins: strings.FieldsFunc(form.Origins, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\r' || r == '\t' })}
	if form.Bucket != "" {
		b, err := s.buckets.Bucket(c.r.Context(), form.Bucket)
		if err == nil && !c.sees(b.Owner) {
			err = buckets.ErrNoBucket
		}
		if err != nil {
			return buckets.Pin{}, err
		}
		owner, r.Bucket = b.Owner, b.UUID
	}
	return s.buckets.Pin(c.r.Context(), owner, r)
}

// visiblePin is the pin that the path names, if the caller may see it.
func (s *server) visiblePin(c *call) (buckets.Pin, error) {
	id, err := strconv.ParseUint(c.r.PathValue("pin"), 10, 64)
	if err != nil {
		return buckets.Pin{}, buckets.ErrNoPin
	}
	return s.buckets.PinByID(c.r.Context(), c.pinOwner(), id)
}

type pinView struct {
	pinRow
	In     bucketView
	Object string // URL of what it has become; "" if there is nothing
}

func (s *server) showPin(c *call) error {
	p, err := s.visiblePin(c)
	if err != nil {
		return err
	}
	ctx := c.r.Context()
	data := pinView{pinRow: pinRow{p, s.userName(ctx, p.Owner)}}
	in, err := s.bucketsOf(c, []string{p.Bucket})
	if err != nil {
		return err
	}
	data.In = in[p.Bucket]
	if data.Object, err = s.objectOf(c, p.Content, data.In); err != nil {
		return err
	}
	return s.ok(c, "pin", view{Title: "Pin " + pinName(p), Nav: "pins", Refresh: true, Scripts: []string{"copy.js", "refresh.js"}, Data: data})
}

// objectOf is the page of the object of a content, "" if there is none.
func (s *server) objectOf(c *call, content uint64, in bucketView) (string, error) {
	if content == 0 || in.Ref == "" {
		return "", nil
	}
	kept, err := s.buckets.Content(c.r.Context(), content)
	if errors.Is(err, buckets.ErrNoContent) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	found, err := s.buckets.ObjectsOf(c.r.Context(), in.Bucket, []buckets.Content{kept})
	o, ok := found[content]
	if err != nil || !ok {
		return "", err
	}
	return objectURL(in.Ref, "object", o.Key, olderVersion(o)), nil
}

// pinName is what a pin is called.
func pinName(p buckets.Pin) string {
	if p.Name != "" {
		return p.Name
	}
	return p.CID.String()
}

// retryPin has a pin tried now that waits or has failed.
func (s *server) retryPin(c *call) error {
	if err := c.form(); err != nil {
		return err
	}
	p, err := s.visiblePin(c)
	if err != nil {
		return err
	}
	if _, err := s.buckets.RetryPin(c.r.Context(), p.Owner, p.ID); err != nil {
		return err
	}
	s.redirect(c, pinURL(p.ID))
	return nil
}

func (s *server) confirmUnpin(c *call) error {
	p, err := s.visiblePin(c)
	if err != nil {
		return err
	}
	warning := "It is not fetched any more, and what has come of it goes."
	if p.State == buckets.PinPinned {
		in, err := s.bucketsOf(c, []string{p.Bucket})
		if err != nil {
			return err
		}
		warning = fmt.Sprintf("Its object goes from %s with it, and cannot be brought back.", in[p.Bucket].Label) + afterlife(in[p.Bucket].Bucket)
	}
	return s.ok(c, "confirm", view{Title: "Remove pin", Nav: "pins", Data: confirmView{Question: "Remove this pin?", Name: pinName(p),
		Label: "Remove the pin", Warning: warning, Action: pinURL(p.ID) + "/remove", Back: pinURL(p.ID)}})
}

func (s *server) unpin(c *call) error {
	if err := c.form(); err != nil {
		return err
	}
	p, err := s.visiblePin(c)
	if err != nil {
		return err
	}
	if err := s.buckets.Unpin(c.r.Context(), p.Owner, p.ID); err != nil {
		return err
	}
	s.redirect(c, "/ui/pins")
	return nil
}
