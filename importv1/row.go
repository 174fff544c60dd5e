package importv1

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ipfs/go-cid"
)

// A row is one of a table, by names of columns: V1's versions have not all the
// same ones, and a column that is not there reads as its zero value. The first
// value that is not what it has to be is remembered.
type row struct {
	values map[string]any
	err    error
}

func (r *row) fail(column, format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%s %s", column, fmt.Sprintf(format, args...))
	}
}

// text reads a string; SQLite gives what was stored, whatever the column's type.
func (r *row) text(column string) string {
	switch v := r.values[column].(type) {
	case nil:
		return ""
	case string:
		return v
	case []byte:
		return string(v)
	default:
		return fmt.Sprint(v)
	}
}

func (r *row) number(column string) int64 {
	switch v := r.values[column].(type) {
	case nil:
		return 0
	case int64:
		return v
	case bool:
		if v {
			return 1
		}
		return 0
	case float64:
		if v == float64(int64(v)) {
			return int64(v)
		}
	case string, []byte:
		if n, err := strconv.ParseInt(r.text(column), 10, 64); err == nil {
			return n
		}
	}
	r.fail(column, "is no number")
	return 0
}

// id reads a number that is not negative.
func (r *row) id(column string) uint64 {
	n := r.number(column)
	if n < 0 {
		r.fail(column, "is negative")
		return 0
	}
	return uint64(n)
}

func (r *row) truth(column string) bool {
	if s, ok := r.values[column].(string); ok {
		b, err := strconv.ParseBool(s)
		if err != nil {
			r.fail(column, "is neither true nor false")
		}
		return b
	}
	return r.number(column) != 0
}

// timeForms are those in which drivers of SQLite have stored times.
var timeForms = []string{
	time.RFC3339Nano, "2006-01-02 15:04:05.999999999-07:00", "2006-01-02 15:04:05.999999999 -0700 MST",
	"2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999", "2006-01-02",
}

// when reads a time; V1's zero time, and one that was never set, are zero.
func (r *row) when(column string) time.Time {
	var t time.Time
	switch v := r.values[column].(type) {
	case nil:
		return t
	case time.Time:
		t = v
	case int64:
		t = time.Unix(v, 0)
	default:
		s := strings.TrimSpace(r.text(column))
		if s == "" {
			return t
		}
		// time.Time's String, which some have stored, may end with a monotonic reading.
		s, _, _ = strings.Cut(s, " m=")
		var err error
		for _, form := range timeForms {
			if t, err = time.Parse(form, s); err == nil {
				break
			}
		}
		if err != nil {
			r.fail(column, "is no time")
			return time.Time{}
		}
	}
	if t.Year() <= 1 || t.Year() > 9999 {
		return time.Time{}
	}
	return t.UTC()
}

// root reads a CID, which V1 stores as its bytes.
func (r *row) root(column string) cid.Cid {
	raw := []byte(r.text(column))
	if len(raw) == 0 {
		return cid.Undef
	}
	c, err := cid.Cast(raw)
	if err != nil {
		if c, err = cid.Decode(string(raw)); err != nil {
			r.fail(column, "is no CID")
			return cid.Undef
		}
	}
	return c
}

// metaOf reads the JSON in a content's pin_meta. Values that are no strings are
// kept as JSON; what is no object is left out, as V1 does.
func metaOf(text string) map[string]string {
	var raw map[string]json.RawMessage
	if json.Unmarshal([]byte(text), &raw) != nil || len(raw) == 0 {
		return nil
	}
	meta := make(map[string]string, len(raw))
	for k, v := range raw {
		var s string
		if json.Unmarshal(v, &s) != nil {
			s = string(v)
		}
		meta[k] = s
	}
	return meta
}

// originsOf reads the JSON in a content's origins: libp2p's AddrInfos.
func originsOf(text string) []string {
	var peers []struct {
		ID    string
		Addrs []string
	}
	if json.Unmarshal([]byte(text), &peers) != nil {
		return nil
	}
	var origins []string
	for _, p := range peers {
		for _, a := range p.Addrs {
			if !strings.Contains(a, "/p2p/") {
				a += "/p2p/" + p.ID
			}
			origins = append(origins, a)
		}
	}
	return origins
}
