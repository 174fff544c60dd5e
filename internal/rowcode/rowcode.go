// Package rowcode writes the values of rows that are written and read all the
// time: a few fields one after the other, without names. What is rare in a row
// may still be JSON, as a field of its own.
//
// A value begins with the version of its shape, a byte that JSON cannot begin
// with, so that rows of both kinds can stand in one table.
package rowcode

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"
)

// ErrCut says that a value ends in the middle of a field.
var ErrCut = errors.New("row is cut short")

// Writer makes a value.
type Writer struct{ b []byte }

// NewWriter begins a value of a version, which must be below ' '.
func NewWriter(version byte) *Writer {
	return &Writer{append(make([]byte, 0, 256), version)}
}

// Bytes is the value.
func (w *Writer) Bytes() []byte { return w.b }

// Uint writes a number.
func (w *Writer) Uint(n uint64) { w.b = binary.AppendUvarint(w.b, n) }

// Int writes a number that may be negative.
func (w *Writer) Int(n int64) { w.b = binary.AppendVarint(w.b, n) }

// Fixed writes a number that is large as a rule.
func (w *Writer) Fixed(n uint64) { w.b = binary.BigEndian.AppendUint64(w.b, n) }

// String writes a string.
func (w *Writer) String(s string) { w.Uint(uint64(len(s))); w.b = append(w.b, s...) }

// Raw writes a string whose length its reader knows.
func (w *Writer) Raw(s string) { w.b = append(w.b, s...) }

// Blob writes bytes.
func (w *Writer) Blob(b []byte) { w.Uint(uint64(len(b))); w.b = append(w.b, b...) }

// Time writes a time to the nanosecond, without its zone.
func (w *Writer) Time(t time.Time) {
	w.Int(t.Unix())
	w.Uint(uint64(t.Nanosecond()))
}

// Map writes a map, the same one always in the same way.
func (w *Writer) Map(m map[string]string) { w.mapped(m, w.String) }

func (w *Writer) mapped(m map[string]string, write func(string)) {
	w.Uint(uint64(len(m)))
	if len(m) < 2 {
		for k, v := range m {
			write(k)
			write(v)
		}
		return
	}
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		write(k)
		write(m[k])
	}
}

// Reader takes a value apart. After the first error everything it returns is
// zero, and Err tells.
type Reader struct {
	rest string
	err  error
}

// NewReader reads a value, which it copies, of the given version.
func NewReader(value []byte, version byte) *Reader {
	r := &Reader{rest: string(value)}
	if len(value) == 0 || value[0] != version {
		r.fail(fmt.Errorf("row of version %.1x, not %d", value, version))
		return r
	}
	r.rest = r.rest[1:]
	return r
}

// Err is the first error; also that there is more than was read.
func (r *Reader) Err() error {
	if r.err == nil && r.rest != "" {
		return fmt.Errorf("row has %d bytes too many", len(r.rest))
	}
	return r.err
}

func (r *Reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.rest = ""
}

// Uint reads what Writer.Uint wrote.
func (r *Reader) Uint() uint64 {
	var n uint64
	for i := 0; i < len(r.rest) && i < binary.MaxVarintLen64; i++ {
		c := r.rest[i]
		n |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			r.rest = r.rest[i+1:]
			return n
		}
	}
	r.fail(ErrCut)
	return 0
}

// Int reads what Writer.Int wrote.
func (r *Reader) Int() int64 {
	n := r.Uint()
	return int64(n>>1) ^ -int64(n&1)
}

// Fixed reads what Writer.Fixed wrote.
func (r *Reader) Fixed() uint64 {
	s := r.Take(8)
	if s == "" {
		return 0
	}
	return binary.BigEndian.Uint64([]byte(s))
}

// String reads what Writer.String or Blob wrote.
func (r *Reader) String() string { return r.Take(r.Uint()) }

// Take reads n bytes.
func (r *Reader) Take(n uint64) string {
	if n > uint64(len(r.rest)) {
		r.fail(ErrCut)
		return ""
	}
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s
}

// Time reads what Writer.Time wrote, in UTC.
func (r *Reader) Time() time.Time {
	sec, nano := r.Int(), r.Uint()
	if r.err != nil {
		return time.Time{}
	}
	return time.Unix(sec, int64(nano)).UTC()
}

// Map reads what Writer.Map wrote; nil if it is empty.
func (r *Reader) Map() map[string]string { return r.mapped(r.String) }

func (r *Reader) mapped(read func() string) map[string]string {
	n := r.Uint()
	if n == 0 || n > uint64(len(r.rest)) {
		if n != 0 {
			r.fail(ErrCut)
		}
		return nil
	}
	m := make(map[string]string, min(n, 16))
	for range n {
		k := read()
		m[k] = read()
	}
	if r.err != nil {
		return nil
	}
	return m
}
