package kv

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
)

// Tags start each part of a key. They are neither 0x00 nor 0xff, so that a key
// can always be continued and always has a successor.
const (
	tagBytes  = 0x01
	tagString = 0x02
	tagUint   = 0x03
)

// Inside strings 0x00 is written escape, nul; their end is escape, end. With
// end < nul a string sorts before every longer one that starts with it, and no
// encoded string is the beginning of another.
const (
	escape = 0x00
	end    = 0x01
	nul    = 0xff
)

// Key encodes parts (string, []byte or uint64) so that the byte order of keys
// is the order of their parts, and no key is a prefix of another of the same
// shape. The first part is the owning package's prefix, for example "obj".
// Any other type of part is a broken program, and panics.
func Key(parts ...any) []byte {
	key := make([]byte, 0, 64)
	for _, p := range parts {
		key = appendPart(key, p)
	}
	return key
}

// Range returns the bounds of all keys that start with parts: Scan(Range(...)).
func Range(parts ...any) (from, to []byte) {
	key := Key(parts...)
	return key, successor(key)
}

// Prefix returns the bounds of all keys that start with parts, where the last
// of parts, a string or []byte, need only be the beginning of theirs.
func Prefix(parts ...any) (from, to []byte) {
	key := Key(parts...)
	switch parts[len(parts)-1].(type) {
	case string, []byte:
		key = key[:len(key)-2] // reopen the last part
	default:
		panic("kv: prefix of a part that is no string")
	}
	return key, successor(key)
}

// After returns the smallest key greater than every key that starts with parts.
// It is nil, the end of the store, if there are no parts.
func After(parts ...any) []byte { return successor(Key(parts...)) }

// Unkey reads a key made by Key into *string, *[]byte or *uint64 targets; a
// nil target skips a part. The key must have as many parts as there are targets.
func Unkey(key []byte, into ...any) error {
	rest := key
	for i, target := range into {
		var err error
		if rest, err = readPart(rest, target); err != nil {
			return fmt.Errorf("part %d of key %x: %w", i, key, err)
		}
	}
	if len(rest) > 0 {
		return fmt.Errorf("key %x has more than %d parts: %w", key, len(into), ErrKey)
	}
	return nil
}

func appendPart(key []byte, part any) []byte {
	switch p := part.(type) {
	case string:
		key = append(key, tagString)
		i := strings.IndexByte(p, 0)
		for ; i >= 0; i = strings.IndexByte(p, 0) {
			key = append(append(key, p[:i]...), escape, nul)
			p = p[i+1:]
		}
		return append(append(key, p...), escape, end)
	case []byte:
		key = append(key, tagBytes)
		i := bytes.IndexByte(p, 0)
		for ; i >= 0; i = bytes.IndexByte(p, 0) {
			key = append(append(key, p[:i]...), escape, nul)
			p = p[i+1:]
		}
		return append(append(key, p...), escape, end)
	case uint64:
		return binary.BigEndian.AppendUint64(append(key, tagUint), p)
	default:
		panic(fmt.Sprintf("kv: a key part cannot be a %T", part))
	}
}

// successor returns the smallest key that does not start with prefix and is
// greater than it, or nil if there is none.
func successor(prefix []byte) []byte {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] != 0xff {
			next := bytes.Clone(prefix[:i+1])
			next[i]++
			return next
		}
	}
	return nil
}

// readPart reads the first part of key into target and returns the rest.
func readPart(key []byte, target any) (rest []byte, err error) {
	if len(key) == 0 {
		return nil, fmt.Errorf("missing: %w", ErrKey)
	}
	tag, key := key[0], key[1:]
	switch tag {
	case tagUint:
		if len(key) < 8 {
			return nil, fmt.Errorf("cut short: %w", ErrKey)
		}
		switch t := target.(type) {
		case nil:
		case *uint64:
			*t = binary.BigEndian.Uint64(key)
		default:
			return nil, fmt.Errorf("a number, not for %T: %w", target, ErrKey)
		}
		return key[8:], nil
	case tagString, tagBytes:
		plain, rest, err := readString(key)
		if err != nil {
			return nil, err
		}
		switch t := target.(type) {
		case nil:
			return rest, nil
		case *string:
			if tag == tagString {
				*t = string(plain)
				return rest, nil
			}
		case *[]byte:
			if tag == tagBytes {
				*t = bytes.Clone(plain)
				return rest, nil
			}
		}
		return nil, fmt.Errorf("tag %d is not for %T: %w", tag, target, ErrKey)
	default:
		return nil, fmt.Errorf("unknown tag %d: %w", tag, ErrKey)
	}
}

// readString undoes the escaping up to the end mark. What it returns is part of
// the key as long as there is nothing to undo.
func readString(key []byte) (plain, rest []byte, err error) {
	for {
		i := bytes.IndexByte(key, escape)
		if i < 0 || i+1 == len(key) {
			return nil, nil, fmt.Errorf("no end: %w", ErrKey)
		}
		switch rest := key[i+2:]; key[i+1] {
		case end:
			if plain == nil {
				return key[:i:i], rest, nil
			}
			return append(plain, key[:i]...), rest, nil
		case nul:
			plain, key = append(append(plain, key[:i]...), 0), rest
		default:
			return nil, nil, fmt.Errorf("bad escape %d: %w", key[i+1], ErrKey)
		}
	}
}
