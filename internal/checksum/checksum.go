package checksum

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"net/http"
	"strconv"
	"strings"

	"github.com/cespare/xxhash/v2"
	"github.com/minio/crc64nvme"
	"github.com/zeebo/xxh3"
)

// Names of the algorithms, as in x-amz-checksum-algorithm.
const (
	CRC32     = "CRC32"
	CRC32C    = "CRC32C"
	CRC64NVME = "CRC64NVME"
	SHA1      = "SHA1"
	SHA256    = "SHA256"
	SHA512    = "SHA512"
	MD5       = "MD5"
	XXHash64  = "XXHASH64"
	XXHash3   = "XXHASH3"
	XXHash128 = "XXHASH128"
)

// Errors of this package.
var (
	ErrUnknown = errors.New("unknown checksum algorithm")
	ErrValue   = errors.New("malformed checksum value")
	ErrMany    = errors.New("more than one checksum")
	ErrType    = errors.New("checksum type not possible for this algorithm")
)

type algorithm struct {
	name      string
	size      int // bytes of a sum
	make      func() hash.Hash
	byDefault Type
	also      Type   // a second possible type, or ""
	poly      uint64 // reversed, of the CRCs; their width is size
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// algorithms in the order of Names. A digest that is not a CRC cannot be
// combined, so its multipart objects have composite sums only.
var algorithms = []algorithm{
	{CRC32, 4, func() hash.Hash { return crc32.NewIEEE() }, TypeComposite, TypeFullObject, crc32.IEEE},
	{CRC32C, 4, func() hash.Hash { return crc32.New(castagnoli) }, TypeComposite, TypeFullObject, crc32.Castagnoli},
	{CRC64NVME, 8, func() hash.Hash { return crc64nvme.New() }, TypeFullObject, "", 0x9a6c9329ac4bc9b5},
	{SHA1, sha1.Size, sha1.New, TypeComposite, "", 0},
	{SHA256, sha256.Size, sha256.New, TypeComposite, "", 0},
	{SHA512, sha512.Size, sha512.New, TypeComposite, "", 0},
	{MD5, md5.Size, md5.New, TypeComposite, "", 0},
	{XXHash64, 8, func() hash.Hash { return xxhash.New() }, TypeComposite, "", 0},
	{XXHash3, 8, func() hash.Hash { return xxh3.New() }, TypeComposite, "", 0},
	{XXHash128, 16, func() hash.Hash { return xxh3.New128() }, TypeComposite, "", 0},
}

func find(name string) *algorithm {
	for i := range algorithms {
		if strings.EqualFold(algorithms[i].name, name) {
			return &algorithms[i]
		}
	}
	return nil
}

// New returns a fresh hash for the algorithm called name (any case).
func New(name string) (hash.Hash, bool) {
	if a := find(name); a != nil {
		return a.make(), true
	}
	return nil, false
}

const headerPrefix = "x-amz-checksum-"

// Header returns the header that carries name's sum, in lower case, or "".
func Header(name string) string {
	if a := find(name); a != nil {
		return headerPrefix + strings.ToLower(a.name)
	}
	return ""
}

// Names returns all algorithms, the commonest first.
func Names() []string {
	names := make([]string, len(algorithms))
	for i, a := range algorithms {
		names[i] = a.name
	}
	return names
}

// Canonical returns the upper case name of an algorithm given in any case.
func Canonical(name string) (string, bool) {
	if a := find(name); a != nil {
		return a.name, true
	}
	return "", false
}

// FromHeader finds the one x-amz-checksum-* value in h, which may be request
// headers or a trailer. No such header gives "", "", nil.
func FromHeader(h http.Header) (name, value string, err error) {
	if name, value, err = fromHeader(h); err != nil || name == "" {
		return "", "", err
	}
	if err := Valid(name, value); err != nil {
		return "", "", err
	}
	return name, value, nil
}

// FromComplete is FromHeader for CompleteMultipartUpload, where the value may
// also be composite.
func FromComplete(h http.Header) (name, value string, err error) {
	if name, value, err = fromHeader(h); err != nil || name == "" {
		return "", "", err
	}
	sum := value
	if base, parts, ok := strings.Cut(value, "-"); ok {
		if n, err := strconv.ParseUint(parts, 10, 16); err != nil || n == 0 {
			return "", "", fmt.Errorf("%s %q: %w", name, value, ErrValue)
		}
		sum = base
	}
	if err := Valid(name, sum); err != nil {
		return "", "", err
	}
	return name, value, nil
}

func fromHeader(h http.Header) (name, value string, err error) {
	for key, values := range h {
		suffix, ok := strings.CutPrefix(strings.ToLower(key), headerPrefix)
		if !ok || suffix == "algorithm" || suffix == "type" || suffix == "mode" {
			continue
		}
		a := find(suffix)
		switch {
		case a == nil:
			return "", "", fmt.Errorf("%s: %w", strings.ToLower(key), ErrUnknown)
		case name != "" || len(values) != 1:
			return "", "", ErrMany
		}
		name, value = a.name, values[0]
	}
	return name, value, nil
}

// Encode returns the base64 form of sum.
func Encode(sum []byte) string { return base64.StdEncoding.EncodeToString(sum) }

// Valid reports (as ErrUnknown or ErrValue) whether value can be a sum of name.
func Valid(name, value string) error {
	a := find(name)
	if a == nil {
		return fmt.Errorf("%s: %w", name, ErrUnknown)
	}
	_, err := a.decode(value)
	return err
}

// decode also refuses encodings that would not come out again as they are:
// sums are compared as strings.
func (a *algorithm) decode(value string) ([]byte, error) {
	sum, err := base64.StdEncoding.Strict().DecodeString(value)
	if err != nil || len(sum) != a.size || Encode(sum) != value {
		return nil, fmt.Errorf("%s %q: %w", a.name, value, ErrValue)
	}
	return sum, nil
}
