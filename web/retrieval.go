package web

import (
	"fmt"
	"strconv"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/deals/retrieve"
)

// shownRetrievals are listed of those that wait, and of those that ended.
const shownRetrievals = 100

type retrievalsView struct {
	Reading  []retrieve.Running // for readers; an admin's to see
	Now      []buckets.Retrieval
	Over     []buckets.Retrieval
	Budget   buckets.RetrievalBudget
	Bounded  bool
	MoreWait bool
}

// listRetrievals shows what comes back from providers. A user sees his own.
func (s *server) listRetrievals(c *call) error {
	ctx := c.r.Context()
	owner := c.user.ID
	if c.admin() {
		owner = 0
	}
	list, err := s.buckets.Retrievals(ctx, owner, shownRetrievals, shownRetrievals)
	if err != nil {
		return err
	}
	var data retrievalsView
	waiting := 0
	for _, r := range list {
		if !r.Ended.IsZero() {
			data.Over = append(data.Over, r)
			continue
		}
		data.Now = append(data.Now, r)
		if r.State == buckets.RetrievalWaiting {
			waiting++
		}
	}
	data.MoreWait = waiting == shownRetrievals
	if c.admin() {
		for _, r := range s.deals.Retrieving() {
			if r.Readers > 0 {
				data.Reading = append(data.Reading, r)
			}
		}
		if data.Budget, err = s.buckets.RetrievalBudget(ctx); err != nil {
			return err
		}
		data.Bounded = data.Budget.PerHour > 0 || data.Budget.PerDay > 0
	}
	return s.ok(c, "retrievals", view{Title: "Retrievals", Nav: "retrievals", Refresh: true, Scripts: []string{"refresh.js"}, Data: data})
}

// comingBack counts what comes back from providers.
type comingBack struct {
	Reading, Running, Waiting int
	More                      bool // wait than are counted
	Last                      *buckets.Retrieval
}

func (s *server) comingBack(c *call) (n comingBack, err error) {
	owner := c.user.ID
	if c.admin() {
		owner = 0
		for _, r := range s.deals.Retrieving() {
			if r.Readers > 0 {
				n.Reading++
			}
		}
	}
	list, err := s.buckets.Retrievals(c.r.Context(), owner, shownRetrievals, 1)
	for _, r := range list {
		switch {
		case !r.Ended.IsZero():
			n.Last = &r
		case r.State == buckets.RetrievalWaiting:
			n.Waiting++
		default:
			n.Running++
		}
	}
	n.More = n.Waiting == shownRetrievals
	return n, err
}

// cancelRetrieval ends one of the user's own; an admin may end any.
func (s *server) cancelRetrieval(c *call) error {
	if err := c.form(); err != nil {
		return err
	}
	ctx := c.r.Context()
	id, err := strconv.ParseUint(c.r.PathValue("retrieval"), 10, 64)
	if err != nil {
		return fmt.Errorf("%q: %w", c.r.PathValue("retrieval"), buckets.ErrNoRetrieval)
	}
	r, err := s.buckets.Retrieval(ctx, id)
	if err == nil && !c.sees(r.Owner) {
		err = buckets.ErrNoRetrieval
	}
	if err == nil {
		err = s.buckets.CancelRetrieval(ctx, id)
	}
	if err != nil {
		return err
	}
	s.redirect(c, "/ui/retrievals")
	return nil
}
