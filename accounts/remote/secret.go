package remote

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/whypfs/whypfs/internal/durable"
)

const (
	minSecret     = 32      // characters: it is no password, nobody has to remember it
	maxSecretFile = 4 << 10 // bytes
)

// Secrets are what a service and its nodes have in common. It cannot be printed.
type Secrets struct{ p *secrets }

type secrets struct {
	first string     // is sent
	sums  [][32]byte // of all that are taken
}

func (Secrets) String() string { return "[redacted]" }

// ReadSecrets reads a file with one secret a line. A node sends the first; a
// service takes any, so that they can be replaced one node after the other.
func ReadSecrets(name string) (Secrets, error) {
	f, err := os.Open(name)
	if err != nil {
		return Secrets{}, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxSecretFile+1))
	if err != nil {
		return Secrets{}, err
	}
	if len(text) > maxSecretFile {
		return Secrets{}, fmt.Errorf("%s: more than %d bytes", name, maxSecretFile)
	}
	return parseSecrets(name, text)
}

func parseSecrets(name string, text []byte) (Secrets, error) {
	s := &secrets{}
	for i, line := range strings.Split(string(text), "\n") {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if len(line) < minSecret || strings.ContainsFunc(line, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return Secrets{}, fmt.Errorf("%s: line %d: a secret has at least %d characters, all of them visible ASCII", name, i+1, minSecret)
		}
		if s.first == "" {
			s.first = line
		}
		s.sums = append(s.sums, sha256.Sum256([]byte(line)))
	}
	if s.first == "" {
		return Secrets{}, fmt.Errorf("%s: there is no secret in it", name)
	}
	return Secrets{s}, nil
}

// MakeSecrets is ReadSecrets; if there is no such file it makes one, for its
// owner alone, with a secret chosen at random.
func MakeSecrets(name string) (s Secrets, made bool, err error) {
	s, err = ReadSecrets(name)
	if !errors.Is(err, fs.ErrNotExist) {
		return s, false, err
	}
	text := []byte(rand.Text() + rand.Text() + "\n") // 260 bits
	if err := durable.CreateFile(name, text, 0o600); err != nil {
		return Secrets{}, false, err
	}
	s, err = parseSecrets(name, bytes.Clone(text))
	return s, true, err
}

// take says whether an Authorization header has one of them, in a time that
// does not depend on how much of one it has.
func (s Secrets) take(header string) bool {
	given, ok := strings.CutPrefix(header, "Bearer ")
	if !ok {
		return false
	}
	sum := sha256.Sum256([]byte(given))
	found := 0
	for _, have := range s.p.sums {
		found |= subtle.ConstantTimeCompare(sum[:], have[:])
	}
	return found == 1
}
