package estuaryapi

import (
	"net/http"
	"strconv"
)

const (
	defaultPage = 500
	maxPage     = 10_000
	maxOffset   = 1 << 30 // sums of the two stay small
)

// page reads limit and offset.
func page(r *http.Request) (limit, offset int, err error) {
	limit = defaultPage
	for _, q := range []struct {
		name string
		into *int
		most int
	}{{"limit", &limit, maxPage}, {"offset", &offset, maxOffset}} {
		v := r.URL.Query().Get(q.name)
		if v == "" {
			continue
		}
		n, err := strconv.Atoi(v)
		if err != nil || n < 0 || n > q.most {
			return 0, 0, errInput("%s: %q is not a number from 0 to %d", q.name, v, q.most)
		}
		*q.into = n
	}
	return limit, offset, nil
}

func pathID(r *http.Request, name string) (uint64, error) {
	v := r.PathValue(name)
	id, err := strconv.ParseUint(v, 10, 64)
	if err != nil {
		return 0, errInput("%q is not an id", v)
	}
	return id, nil
}
