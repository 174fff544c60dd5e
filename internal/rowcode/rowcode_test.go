package rowcode_test

import (
	"errors"
	"maps"
	"math"
	"testing"
	"time"

	"github.com/whypfs/whypfs/internal/rowcode"
)

func TestRoundTrip(t *testing.T) {
	words := rowcode.NewWords("a", "b")
	at := time.Date(9999, 12, 31, 23, 59, 59, 123456789, time.UTC)
	long := map[string]string{"b": "2", "a": "", "": "3"}
	w := rowcode.NewWriter(1)
	w.Uint(math.MaxUint64)
	w.Int(math.MinInt64)
	w.Fixed(7)
	w.String("é")
	w.Blob(nil)
	w.Time(at)
	w.Time(time.Time{})
	w.Map(nil)
	w.Map(map[string]string{"k": "v"})
	w.Map(long)
	w.Raw("raw")
	w.Word(words, "b")
	w.Word(words, "c")
	w.Word(words, "")
	w.WordMap(words, long)
	whole := w.Bytes()

	read := func(r *rowcode.Reader) bool {
		return r.Uint() == math.MaxUint64 && r.Int() == math.MinInt64 && r.Fixed() == 7 && r.String() == "é" && r.String() == "" &&
			r.Time().Equal(at) && r.Time().IsZero() && r.Map() == nil && r.Map()["k"] == "v" && maps.Equal(r.Map(), long) &&
			r.Take(3) == "raw" && r.Word(words) == "b" && r.Word(words) == "c" && r.Word(words) == "" && maps.Equal(r.WordMap(words), long)
	}
	r := rowcode.NewReader(whole, 1)
	if !read(r) || r.Err() != nil {
		t.Errorf("read another row than was written: %v", r.Err())
	}
	for n := range whole {
		r := rowcode.NewReader(whole[:n], 1)
		if read(r) || r.Err() == nil {
			t.Errorf("%d of %d bytes are taken for the whole: %v", n, len(whole), r.Err())
		}
		if n > 0 && !errors.Is(r.Err(), rowcode.ErrCut) {
			t.Errorf("%d bytes: %v", n, r.Err())
		}
	}
	r = rowcode.NewReader(append(whole, 0), 1)
	if read(r); r.Err() == nil {
		t.Error("a byte too many is taken")
	}
	r = rowcode.NewReader([]byte{1, 2*2 + 1}, 1) // the third word of two
	if got := r.Word(words); got != "" || !errors.Is(r.Err(), rowcode.ErrWord) {
		t.Errorf("a word that is in no list is %q, %v", got, r.Err())
	}
	if rowcode.NewReader(whole, 2).Err() == nil {
		t.Error("another version is taken")
	}
}

// FuzzReader reads what nobody wrote.
func FuzzReader(f *testing.F) {
	w := rowcode.NewWriter(1)
	w.Map(map[string]string{"a": "b", "c": "d"})
	w.Time(time.Now())
	f.Add(w.Bytes())
	f.Add([]byte{1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, value []byte) {
		r := rowcode.NewReader(value, 1)
		m, _ := r.Map(), r.Time()
		if len(m) > len(value) {
			t.Errorf("%d entries in %d bytes", len(m), len(value))
		}
		r.Uint()
		r.Fixed()
		_ = r.String()
		_ = r.Err()
	})
}
