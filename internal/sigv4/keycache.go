package sigv4

import (
	"crypto/sha256"
	"encoding/binary"
	"sync"
)

// maxCached is how many signing keys are kept at most.
const maxCached = 4096

// A KeyCache keeps signing keys, each of a secret, day, region and service, so
// that not every request derives its own: that is half of what checking a
// signature costs. It keeps no secret. The zero value is empty. It is safe for
// concurrent use.
type KeyCache struct {
	mu   sync.RWMutex
	keys map[[sha256.Size]byte][]byte // by the hash of what they are derived from; never changed
}

// of returns the signing key for a secret and a claim. A nil cache derives it.
func (k *KeyCache) of(secret string, c *claim) []byte {
	if k == nil {
		return signingKey(secret, c)
	}
	// With the lengths no two claims and secrets make the same text.
	text := make([]byte, 0, 128)
	for _, part := range []string{c.date, c.region, c.service, secret} {
		text = binary.AppendUvarint(text, uint64(len(part)))
		text = append(text, part...)
	}
	id := sha256.Sum256(text)
	k.mu.RLock()
	key, ok := k.keys[id]
	k.mu.RUnlock()
	if ok {
		return key
	}
	key = signingKey(secret, c)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.keys == nil || len(k.keys) >= maxCached {
		k.keys = map[[sha256.Size]byte][]byte{}
	}
	k.keys[id] = key
	return key
}

// signingKey derives the key as the specification has it.
func signingKey(secret string, c *claim) []byte {
	key := []byte("AWS4" + secret)
	for _, s := range []string{c.date, c.region, c.service, terminator} {
		key = mac(key, s)
	}
	return key
}
