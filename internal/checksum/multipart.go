package checksum

import (
	"encoding/binary"
	"fmt"
	"strconv"
)

// Type says how the checksum of a multipart object is formed, as in
// x-amz-checksum-type.
type Type string

// Types of checksums.
const (
	TypeFullObject Type = "FULL_OBJECT"
	TypeComposite  Type = "COMPOSITE"
)

// A Part is what the checksum of a whole object needs of one part.
type Part struct {
	Sum  string // base64
	Size int64  // bytes
}

// DefaultType is the type that S3 uses for a multipart upload that names none,
// "" for an unknown algorithm.
func DefaultType(name string) Type {
	if a := find(name); a != nil {
		return a.byDefault
	}
	return ""
}

// Allows reports whether a multipart object can have a checksum of type t.
func Allows(name string, t Type) bool {
	a := find(name)
	return a != nil && t != "" && (t == a.byDefault || t == a.also)
}

// Composite returns the composite checksum, "base64-N", of parts in order.
func Composite(name string, partSums []string) (string, error) {
	if !Allows(name, TypeComposite) {
		return "", fmt.Errorf("composite %s: %w", name, ErrType)
	}
	a := find(name)
	h := a.make()
	for _, s := range partSums {
		sum, err := a.decode(s)
		if err != nil {
			return "", err
		}
		h.Write(sum)
	}
	return Encode(h.Sum(nil)) + "-" + strconv.Itoa(len(partSums)), nil
}

// FullObject returns the checksum of the concatenated parts.
func FullObject(name string, parts []Part) (string, error) {
	if !Allows(name, TypeFullObject) {
		return "", fmt.Errorf("full object %s: %w", name, ErrType)
	}
	a := find(name)
	p := poly{a.poly, 1 << (8*a.size - 1)}
	var crc uint64 // of nothing
	for _, part := range parts {
		sum, err := a.decode(part.Sum)
		if err != nil {
			return "", err
		}
		if part.Size < 0 {
			return "", fmt.Errorf("part of %d bytes: %w", part.Size, ErrValue)
		}
		crc = p.multiply(p.powerOfX8(part.Size), crc) ^ bigEndian(sum)
	}
	var out [8]byte
	binary.BigEndian.PutUint64(out[:], crc)
	return Encode(out[8-a.size:]), nil
}

func bigEndian(sum []byte) (n uint64) {
	for _, b := range sum {
		n = n<<8 | uint64(b)
	}
	return n
}

// A poly is the generator of a reflected CRC. Elements of GF(2)[x] modulo it
// are written reflected as well: the top bit, one, is the coefficient of 1.
//
// A CRC is a linear function of the message, so that of "ab" is that of a
// multiplied by x^(8·len b), plus that of b; the inverted start and end values
// of all three CRCs here cancel out.
type poly struct {
	generator uint64
	one       uint64
}

// multiply returns a·b.
func (p poly) multiply(a, b uint64) (product uint64) {
	for bit := p.one; a != 0; bit >>= 1 {
		if a&bit != 0 {
			product ^= b
			a &^= bit
		}
		carry := b & 1
		b >>= 1
		if carry != 0 {
			b ^= p.generator
		}
	}
	return product
}

// powerOfX8 returns x^(8n), by squaring.
func (p poly) powerOfX8(n int64) uint64 {
	power, square := p.one, p.one>>8
	for ; n > 0; n >>= 1 {
		if n&1 != 0 {
			power = p.multiply(power, square)
		}
		square = p.multiply(square, square)
	}
	return power
}
