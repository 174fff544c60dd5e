package web

import (
	"net/url"
	"strconv"
)

const pageSize = 100

// page is where a list stands: offset, and links to its neighbours.
type page struct {
	offset      int
	Prev, Next  string // URLs, "" for none
	First, Last int    // numbers of the first and last row shown, from 1
}

// paging reads the offset; what is not a number is the beginning.
func paging(c *call) page {
	n, err := strconv.Atoi(c.r.URL.Query().Get("offset"))
	if err != nil || n < 0 {
		n = 0
	}
	return page{offset: n}
}

// cut takes one page off rows, which begin at the page's offset and hold one
// row more than a page if there is a next one.
func cut[T any](c *call, p page, rows []T) ([]T, page) {
	if len(rows) > pageSize {
		rows = rows[:pageSize]
		p.Next = withOffset(c, p.offset+pageSize)
	}
	if p.offset > 0 {
		p.Prev = withOffset(c, max(0, p.offset-pageSize))
	}
	p.First, p.Last = p.offset+1, p.offset+len(rows)
	return rows, p
}

func withOffset(c *call, n int) string {
	q := c.r.URL.Query()
	q.Set("offset", strconv.Itoa(n))
	if n == 0 {
		q.Del("offset")
	}
	u := url.URL{Path: c.r.URL.Path, RawQuery: q.Encode()}
	return u.String()
}
