package s3

import (
	"net/http"
	"time"
)

// Patience is how long work may take before white space is sent.
const Patience = patience

// Eventually serves a request whose work takes that long and ends with err.
func Eventually(w http.ResponseWriter, r *http.Request, took time.Duration, err error) error {
	s := New(nil, nil, Options{}).(*server)
	rw, c := &response{ResponseWriter: w}, &call{r: r, h: r.Header}
	err = s.eventually(rw, c, func() error {
		time.Sleep(took)
		return err
	}, func(h http.Header) any {
		h.Set("X-Done", "yes")
		return struct {
			XMLName struct{} `xml:"Done"`
		}{}
	})
	if err != nil && !rw.begun() {
		s.writeError(rw, r, "id", translate(err))
		err = nil
	}
	return err
}

// ErrSample is an error with a status of its own.
var ErrSample error = errPrecondition

// Actions are what the operations ask for, as policies name it.
func Actions() []string {
	var list []string
	for _, op := range operations {
		list = append(list, op.right.action)
		if version, _ := ofVersion(op.right.action, noGrant); version != op.right.action {
			list = append(list, version)
		}
	}
	return list
}
