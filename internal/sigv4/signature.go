package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

const emptySHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// A signer makes signatures of one day, region and service.
type signer struct {
	key   []byte
	time  string
	scope string
}

func newSigner(secret string, c *claim, keys *KeyCache) *signer {
	return &signer{key: keys.of(secret, c), time: c.time.Format(timeFormat), scope: c.scope()}
}

func mac(key []byte, s string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(s))
	return h.Sum(nil)
}

func hexSHA256(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// stringToSign of kind over lines, which come after the time and scope.
func (s *signer) stringToSign(kind string, lines ...string) string {
	return kind + "\n" + s.time + "\n" + s.scope + "\n" + strings.Join(lines, "\n")
}

func (s *signer) sign(stringToSign string) string {
	return hex.EncodeToString(mac(s.key, stringToSign))
}

// same compares signatures in constant time.
func same(a, b string) bool { return hmac.Equal([]byte(a), []byte(b)) }

// canonicalRequests yields every form of r that a client following c may have
// signed, the documented one first. The forms differ only where clients are
// known to: how the path is escaped, and whether white space other than the
// ASCII space is folded.
func canonicalRequests(r *http.Request, t *target, c *claim, payloads []string) (forms []string) {
	headers := []string{canonicalHeaders(r, c.headers, foldSpaces)}
	if other := canonicalHeaders(r, c.headers, foldAll); other != headers[0] {
		headers = append(headers, other)
	}
	query, names := t.canonicalQuery(), strings.Join(c.headers, ";")
	for _, path := range t.canonicalPaths() {
		for _, h := range headers {
			for _, payload := range payloads {
				forms = append(forms, strings.Join([]string{r.Method, path, query, h, names, payload}, "\n"))
			}
		}
	}
	return forms
}

func canonicalHeaders(r *http.Request, names []string, fold func(string) string) string {
	var b strings.Builder
	for _, name := range names {
		b.WriteString(name)
		b.WriteByte(':')
		for i, v := range headerValues(r, name) {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(fold(v))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// headerValues finds a header where net/http keeps it. One that was not sent
// counts as empty, which is how clients sign it.
func headerValues(r *http.Request, name string) []string {
	if name == "host" {
		return []string{r.Host}
	}
	if v := r.Header[http.CanonicalHeaderKey(name)]; v != nil {
		return v
	}
	switch name {
	case "content-length":
		if r.ContentLength >= 0 {
			return []string{strconv.FormatInt(r.ContentLength, 10)}
		}
	case "transfer-encoding":
		return []string{strings.Join(r.TransferEncoding, ",")}
	case "expect":
		return []string{"100-continue"}
	}
	return nil
}

func foldSpaces(s string) string {
	s = strings.Trim(s, " \t")
	if !strings.Contains(s, "  ") {
		return s
	}
	f := strings.FieldsFunc(s, func(c rune) bool { return c == ' ' })
	return strings.Join(f, " ")
}

func foldAll(s string) string { return strings.Join(strings.Fields(s), " ") }

// unsigned returns the first x-amz-* header that c does not sign. The two that
// reach the string to sign by themselves need not be listed.
func (c *claim) unsigned(h http.Header) string {
	for name := range h {
		lower := strings.ToLower(name)
		switch {
		case !strings.HasPrefix(lower, "x-amz-"), slices.Contains(c.headers, lower):
		case lower == "x-amz-content-sha256":
		case lower == "x-amz-date" && !c.presigned:
		default:
			return lower
		}
	}
	return ""
}
