package accounts

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/bcrypt"
)

// The forms in which a password is kept. New ones are all of the first form.
// The others are from elsewhere, and become it at the first good login.
//
//	client:$argon2id$…      of the client's hash
//	$argon2id$…             of the password: from before there was the first
//	v1:<hex sum>:<salt>     V1's: SHA-256 of the client's hash, ".", and the user's salt
//	$2a$…                   V1's of the admin whom its setup made: bcrypt of the password
const (
	clientForm = "client:"
	v1Form     = "v1:"
	bcryptForm = "$2"
)

const (
	maxV1Salt     = 256 // bytes
	maxBcryptCost = 14  // a login must not take minutes
)

// secretForms are what a secret may have been when the password was set: the
// password itself ("" if it is not known), and the hashes that a client of V1
// makes of it, today's first.
type secretForms struct {
	plain  string
	hashes []string
}

// forms computes them; two hashes of V1 take as long as one of ours.
func (a *local) forms(ctx context.Context, secret string) (secretForms, error) {
	switch {
	case len(secret) > maxPassword:
		return secretForms{}, nil // nobody's
	case isClientHash(secret):
		return secretForms{hashes: []string{secret}}, nil
	}
	if err := a.slot(ctx); err != nil {
		return secretForms{}, err
	}
	defer a.free()
	return secretForms{plain: secret, hashes: []string{clientHash(secret), oldClientHash(secret)}}, nil
}

// hashPassword returns how a new password, or what a client of V1 made of it, is kept.
func (a *local) hashPassword(ctx context.Context, secret string) (string, error) {
	if !isClientHash(secret) && (len(secret) < minPassword || len(secret) > maxPassword) {
		return "", invalid("a password has %d to %d characters", minPassword, maxPassword)
	}
	s, err := a.forms(ctx, secret)
	if err != nil {
		return "", err
	}
	return a.keep(ctx, s.hashes[0])
}

// keep returns the first form for a client's hash.
func (a *local) keep(ctx context.Context, hash string) (string, error) {
	h := argon{memory: argonMemory, time: argonTime, lanes: argonLanes, salt: make([]byte, saltSize)}
	rand.Read(h.salt) // never fails
	var err error
	if h.hash, err = a.derive(ctx, h, hash, hashSize); err != nil {
		return "", err
	}
	return clientForm + h.String(), nil
}

// verify compares a secret with what is kept. Of an empty one it takes as long
// and matches nothing. If it matches and is kept in another form than the first,
// upgrade is the hash to keep instead.
func (a *local) verify(ctx context.Context, stored, secret string) (ok bool, upgrade string, err error) {
	s, err := a.forms(ctx, secret)
	if err != nil {
		return false, "", err
	}
	switch {
	case strings.HasPrefix(stored, v1Form):
		hash, err := matchV1(stored, s)
		return hash != "", hash, err
	case strings.HasPrefix(stored, bcryptForm):
		return a.matchBcrypt(ctx, stored, s)
	case strings.HasPrefix(stored, clientForm):
		ok, err = a.matchArgon(ctx, strings.TrimPrefix(stored, clientForm), s.hashes)
		return ok, "", err
	case stored != "":
		if ok, err = a.matchArgon(ctx, stored, []string{s.plain}); !ok || err != nil || s.plain == "" {
			return false, "", err
		}
		return true, s.hashes[0], nil
	}
	ok, err = a.matchArgon(ctx, "", s.hashes)
	return ok, "", err
}

// matchArgon compares the argon2id hash of any of some texts. Of an empty hash
// it takes as long.
func (a *local) matchArgon(ctx context.Context, stored string, texts []string) (bool, error) {
	h := argon{memory: argonMemory, time: argonTime, lanes: argonLanes, salt: make([]byte, saltSize), hash: make([]byte, hashSize)}
	if stored != "" {
		var err error
		if h, err = parseArgon(stored); err != nil {
			return false, err
		}
	}
	if len(texts) == 0 {
		texts = []string{""}
	}
	for _, text := range texts {
		got, err := a.derive(ctx, h, text, len(h.hash))
		if err != nil {
			return false, err
		}
		if subtle.ConstantTimeCompare(got, h.hash) == 1 && stored != "" && text != "" {
			return true, nil
		}
	}
	return false, nil
}

// matchV1 returns the client's hash that V1's sum was made of, if it is one of s.
func matchV1(stored string, s secretForms) (string, error) {
	sum, salt, err := parseV1(stored)
	if err != nil {
		return "", err
	}
	for _, hash := range s.hashes {
		got := sha256.Sum256([]byte(hash + "." + salt))
		if subtle.ConstantTimeCompare(got[:], sum) == 1 {
			return hash, nil
		}
	}
	return "", nil
}

// matchBcrypt is for what V1's setup command stored: of the password, which
// clients of such an account send as it is.
func (a *local) matchBcrypt(ctx context.Context, stored string, s secretForms) (bool, string, error) {
	if s.plain == "" {
		return false, "", nil
	}
	if err := checkBcrypt(stored); err != nil {
		return false, "", err
	}
	if err := a.slot(ctx); err != nil {
		return false, "", err
	}
	defer a.free()
	switch err := bcrypt.CompareHashAndPassword([]byte(stored), []byte(s.plain)); {
	case err == nil:
		return true, s.hashes[0], nil
	case errors.Is(err, bcrypt.ErrMismatchedHashAndPassword):
		return false, "", nil
	default:
		return false, "", fmt.Errorf("%w: %w", errHash, err)
	}
}

// parseV1 reads a sum that came from V1.
func parseV1(stored string) (sum []byte, salt string, err error) {
	text, salt, found := strings.Cut(strings.TrimPrefix(stored, v1Form), ":")
	sum, err = hex.DecodeString(text)
	if !found || err != nil || len(sum) != sha256.Size || len(salt) > maxV1Salt {
		return nil, "", fmt.Errorf("of V1: %w", errHash)
	}
	return sum, salt, nil
}

// checkBcrypt refuses hashes that no login could be checked with.
func checkBcrypt(stored string) error {
	cost, err := bcrypt.Cost([]byte(stored))
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", errHash, err)
	case len(stored) != 60 || cost > maxBcryptCost:
		return fmt.Errorf("bcrypt of cost %d: %w", cost, errHash)
	}
	return nil
}
