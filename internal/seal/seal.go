package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
)

// keySize is that of AES-256.
const keySize = 32

// version starts every sealed value, so that another cipher can follow.
const version = 1

var (
	// ErrOpen says that a value was sealed by another key or for another
	// context, or has been damaged. Which of them cannot be told.
	ErrOpen = errors.New("sealed value does not open")
	// ErrKey says that the key file cannot be used; the error it is wrapped in
	// says why.
	ErrKey = errors.New("unusable key file")
)

// Box seals and opens small secrets with AES-256-GCM. It cannot be printed. It
// is safe for concurrent use.
type Box struct{ aead cipher.AEAD }

// Open reads the key file at path (32 random bytes, mode 0600), making it
// durably if it does not exist.
func Open(path string) (*Box, error) {
	key, err := readKey(path)
	if errors.Is(err, fs.ErrNotExist) {
		if key, err = createKey(path); errors.Is(err, fs.ErrExist) {
			key, err = readKey(path) // another process was faster: its key counts
		}
	}
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("key file %q: %w", path, err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("key file %q: %w", path, err)
	}
	return &Box{aead}, nil
}

func readKey(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	switch {
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%q is no file: %w", path, ErrKey)
	case info.Mode().Perm()&0o077 != 0:
		return nil, fmt.Errorf("%q may be used by others (mode %#o, want 0600): %w", path, info.Mode().Perm(), ErrKey)
	case info.Size() != keySize:
		return nil, fmt.Errorf("%q has %d bytes, want %d: %w", path, info.Size(), keySize, ErrKey)
	}
	key, err := os.ReadFile(path)
	if err == nil && len(key) != keySize {
		err = fmt.Errorf("%q changes while it is read: %w", path, ErrKey)
	}
	return key, err
}

// Seal encrypts plain; context (for example "s3key/AKIA…") is authenticated
// with it, so that a sealed value cannot be moved to another row.
func (b *Box) Seal(plain []byte, context string) []byte {
	return b.aead.Seal([]byte{version}, nil, plain, []byte(context))
}

// Open decrypts what Seal made with the same context, or answers ErrOpen.
func (b *Box) Open(sealed []byte, context string) ([]byte, error) {
	if len(sealed) == 0 || sealed[0] != version {
		return nil, fmt.Errorf("unknown form: %w", ErrOpen)
	}
	plain, err := b.aead.Open(nil, nil, sealed[1:], []byte(context))
	if err != nil {
		return nil, ErrOpen
	}
	return plain, nil
}

// Format prints no key, whatever the verb.
func (*Box) Format(f fmt.State, _ rune) { f.Write([]byte("[redacted]")) }

// LogValue logs no key.
func (*Box) LogValue() slog.Value { return slog.StringValue("[redacted]") }
