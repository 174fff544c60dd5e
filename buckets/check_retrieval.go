package buckets

import "fmt"

// retrievals: one that has not ended is found by its turn and its content, and
// has its root kept; one that has ended is listed as such.
func (c *checker) retrievals() error {
	var inverted uint64
	return c.each(tabRetrieval, func(value []byte) error {
		var r Retrieval
		if err := decode(value, &r); err != nil {
			return err
		}
		c.must(r.ID == ^inverted && ranks[r.Cause] > 0, "retrieval %d is %+v", ^inverted, r)
		for _, row := range []struct {
			want bool
			key  []byte
			what string
		}{
			{r.unfinished(), keyRetDue(r), "due"},
			{r.unfinished(), keyRetRef(r.CID, r.ID), "reference"},
			{!r.unfinished(), keyRetEnd(r), "ended"},
		} {
			if err := c.mustHave(row.want, row.key, "%s row of retrieval %d", row.what, r.ID); err != nil {
				return err
			}
		}
		if !r.unfinished() {
			return nil
		}
		of, err := retrievalOf(c.tx, r.Content)
		gone, err := absent(err)
		c.must(!gone && of.ID == r.ID, "retrieval %d of content %d is not found by it", r.ID, r.Content)
		return err
	}, &inverted)
}

// retrievalRows: no index row outlives its retrieval.
func (c *checker) retrievalRows() error {
	var rank, due, ended, content, id uint64
	return firstError(
		func() error {
			return c.each(tabRetDue, func([]byte) error { return c.retrievalIs(id, "due", Retrieval.unfinished) }, &rank, &due, &id)
		},
		func() error {
			return c.each(tabRetEnd, func([]byte) error {
				return c.retrievalIs(id, "ended", func(r Retrieval) bool { return !r.unfinished() })
			}, &ended, &id)
		},
		func() error {
			return c.each(tabRetOf, func([]byte) error {
				r, err := retrievalOf(c.tx, content)
				gone, err := absent(err)
				c.must(!gone && r.unfinished() && r.Content == content, "content %d names a retrieval that is %+v", content, r)
				return err
			}, &content)
		})
}

func firstError(checks ...func() error) error {
	for _, check := range checks {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// retrievalRef: a retrieval that holds a root has not ended, and has it.
func (c *checker) retrievalRef(root []byte, holder string) error {
	var id uint64
	if _, err := fmt.Sscan(holder, &id); err != nil {
		c.must(false, "reference of retrieval %q: %w", holder, err)
		return nil
	}
	return c.retrievalIs(id, "reference", func(r Retrieval) bool { return r.unfinished() && string(rootKey(r.CID)) == string(root) })
}

func (c *checker) retrievalIs(id uint64, what string, fits func(Retrieval) bool) error {
	r, err := retrievalRow(c.tx, id)
	gone, err := absent(err)
	c.must(!gone && fits(r), "%s row of retrieval %d does not fit %+v", what, id, r)
	return err
}
