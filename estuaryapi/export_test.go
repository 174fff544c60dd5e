package estuaryapi

import (
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/whypfs/whypfs/buckets"
	"github.com/whypfs/whypfs/deals"
)

var (
	Bearer        = bearer
	ErrBrokenBody = errBrokenBody
)

const MaxBesides = maxBesides

// DealStatus is V1's JSON form of a deal.
func DealStatus(c buckets.Content, d deals.Deal) any { return newDealStatus(c, d) }

// ReadForm reads a form as an upload does.
func ReadForm(contentType string, body io.Reader) (name, kind string, data []byte, err error) {
	r := httptest.NewRequest(http.MethodPost, "/content/add", body)
	r.Header.Set("Content-Type", contentType)
	f, err := formReader(httptest.NewRecorder(), r, time.Minute)
	if err != nil {
		return "", "", nil, err
	}
	if err := f.toData(); err != nil {
		return "", "", nil, err
	}
	if data, err = io.ReadAll(f); err != nil {
		return "", "", nil, err
	}
	err = f.rest()
	return f.name, f.contentType(), data, err
}

// APIError is the answer to err.
func APIError(err error) (code int, reason string) {
	e := asError(err)
	return e.Code, e.Reason
}
