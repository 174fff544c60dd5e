package proof

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

var (
	// ErrFormat says that bytes are no proof, or one beyond the limits; wrapped with what is wrong.
	ErrFormat = errors.New("malformed proof")
	// ErrTooLarge says that a proof would be larger than any checker reads.
	ErrTooLarge = errors.New("proof would be too large")
)

const (
	// MaxBytes bounds a proof: one of an unbroken object takes some 70 bytes for each MiB.
	MaxBytes = 256 << 20
	// MaxSpans bounds the runs of blocks, of which each takes up to 2 KiB.
	MaxSpans = 1 << 16
	// MaxDeals bounds the deals that are named for a piece.
	MaxDeals = 1024
	// maxFile bounds the size of a file, so that no sum of sizes overflows.
	maxFile = 1 << 53
	maxText = 4096 // of a name
)

// Bytes are base64 in JSON.
type Bytes []byte

// MarshalJSON writes no bytes as "", whether they are nil or not: there is one way to write them.
func (b Bytes) MarshalJSON() ([]byte, error) {
	out := make([]byte, 0, base64.StdEncoding.EncodedLen(len(b))+2)
	out = append(out, '"')
	out = base64.StdEncoding.AppendEncode(out, b)
	return append(out, '"'), nil
}

// Encode writes a proof.
func (p *Proof) Encode(w io.Writer) error {
	b, err := p.marshal()
	if err != nil {
		return err
	}
	if len(b) > MaxBytes {
		return fmt.Errorf("%d bytes, %d are allowed: %w", len(b), MaxBytes, ErrTooLarge)
	}
	_, err = w.Write(b)
	return err
}

func (p *Proof) marshal() ([]byte, error) {
	q := *p
	// An empty list is written as one, whether it is nil or not.
	q.Nodes, q.Spans, q.Shards, q.Pieces = list(q.Nodes), list(q.Spans), list(q.Shards), slices.Clone(list(q.Pieces))
	for i := range q.Pieces {
		q.Pieces[i].Deals = list(q.Pieces[i].Deals)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(q); err != nil {
		return nil, fmt.Errorf("encode proof: %w", err)
	}
	return b.Bytes(), nil
}

func list[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}

// Decode reads a proof to its end. White space aside a proof is written in one
// way only: what encodes to something else was not read as it was meant, say
// because of a field that is unknown or there twice.
func Decode(r io.Reader) (*Proof, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read proof: %w", err)
	}
	if len(data) > MaxBytes {
		return nil, malformed("it has more than %d bytes", MaxBytes)
	}
	var head struct {
		Format  string
		Version int
	}
	if err := json.Unmarshal(data, &head); err != nil || head.Format != Format {
		return nil, malformed("it is not JSON with \"format\": %q", Format)
	}
	if head.Version != Version {
		return nil, malformed("it is of version %d, and this program knows version %d", head.Version, Version)
	}
	p := new(Proof)
	if err := json.Unmarshal(data, p); err != nil {
		return nil, malformed("%v", err)
	}
	if err := sameJSON(p, data); err != nil {
		return nil, err
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	return p, nil
}

func sameJSON(p *Proof, data []byte) error {
	again, err := p.marshal()
	if err != nil {
		return malformed("%v", err)
	}
	var got, want bytes.Buffer
	got.Grow(len(data))
	want.Grow(len(again))
	if err := errors.Join(json.Compact(&got, data), json.Compact(&want, again)); err != nil {
		return malformed("%v", err)
	}
	a, b := got.Bytes(), want.Bytes()
	if bytes.Equal(a, b) {
		return nil
	}
	at := 0
	for at < min(len(a), len(b)) && a[at] == b[at] {
		at++
	}
	return malformed("it is not written as the format says, from %q on", a[max(0, at-40):min(len(a), at+20)])
}

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrFormat}, args...)...)
}
