package accounts

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

const (
	minPassword = 8    // characters are bytes here
	maxPassword = 1024 // bytes: beyond is no password but a load

	// maxHashes bounds how many passwords are hashed at once, each of which takes
	// argonMemory: a flood of logins must not take the memory of the uploads.
	maxHashes = 4

	// OWASP's first choice for argon2id.
	argonMemory = 19 << 10 // KiB
	argonTime   = 2
	argonLanes  = 1

	saltSize = 16
	hashSize = 32
)

// errHash says that a stored hash cannot be read.
var errHash = errors.New("malformed password hash")

// argon is a password hash with what it was made with.
type argon struct {
	memory, time uint32
	lanes        uint8
	salt, hash   []byte
}

func (a *local) derive(ctx context.Context, h argon, password string, size int) ([]byte, error) {
	if err := a.slot(ctx); err != nil {
		return nil, err
	}
	defer a.free()
	return argon2.IDKey([]byte(password), h.salt, h.time, h.memory, h.lanes, uint32(size)), nil
}

// slot waits until a password may be hashed; free is called when it was.
func (a *local) slot(ctx context.Context) error {
	select {
	case a.hashes <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (a *local) free() { <-a.hashes }

func (h argon) String() string {
	enc := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.memory, h.time, h.lanes, enc(h.salt), enc(h.hash))
}

// parseArgon reads a PHC string. Costs that would stop the process are refused.
func parseArgon(s string) (argon, error) {
	var h argon
	var version int
	part := strings.Split(s, "$")
	if len(part) != 6 || part[0] != "" || part[1] != "argon2id" {
		return argon{}, errHash
	}
	if _, err := fmt.Sscanf(part[2], "v=%d", &version); err != nil || version != argon2.Version {
		return argon{}, fmt.Errorf("version: %w", errHash)
	}
	if _, err := fmt.Sscanf(part[3], "m=%d,t=%d,p=%d", &h.memory, &h.time, &h.lanes); err != nil ||
		h.memory > 1<<20 || h.time < 1 || h.time > 100 || h.lanes < 1 {
		return argon{}, fmt.Errorf("cost: %w", errHash)
	}
	var err1, err2 error
	h.salt, err1 = base64.RawStdEncoding.DecodeString(part[4])
	h.hash, err2 = base64.RawStdEncoding.DecodeString(part[5])
	if err1 != nil || err2 != nil || len(h.hash) < 16 || len(h.hash) > 64 {
		return argon{}, fmt.Errorf("value: %w", errHash)
	}
	return h, nil
}
