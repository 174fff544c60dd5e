package sigv4

import (
	"bytes"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
)

const (
	trailerSignature = "x-amz-trailer-signature"
	maxTrailers      = 16
)

// trailers reads what follows the final chunk's header:
//
//	trailers = *(name ":" value CRLF) [signature CRLF] CRLF
//
// The AWS documentation, and minio-go with it, writes LF instead of CRLF after
// a trailer and one more CRLF after the last of them; both are read.
func (c *chunked) trailers() error {
	var signed bytes.Buffer // "name:value\n" of each
	bareLF := false         // the last line ended in LF alone
	c.trailer = make(http.Header)
	for {
		line, err := c.line()
		if err != nil {
			return err
		}
		text, crlf := bytes.CutSuffix(line, []byte("\r\n"))
		if !crlf {
			text = bytes.TrimSuffix(line, []byte("\n"))
		}
		if len(text) == 0 {
			switch {
			case !crlf:
				return badTrailer()
			case bareLF:
				bareLF = false
				continue
			case c.chain != nil:
				return badTrailer() // ends without its signature
			}
			return nil
		}
		name, value, ok := bytes.Cut(text, []byte(":"))
		if !ok {
			return badTrailer()
		}
		if string(name) == trailerSignature {
			if c.chain == nil || !crlf || bareLF {
				return badTrailer()
			}
			return c.trailerEnd(value, signed.String())
		}
		if err := c.addTrailer(strings.ToLower(string(name)), value); err != nil {
			return err
		}
		bareLF = !crlf
		signed.Write(text)
		signed.WriteByte('\n')
	}
}

func (c *chunked) trailerEnd(sig []byte, signed string) error {
	if !isSignature(string(sig)) {
		return badTrailer()
	}
	if err := c.chain.next(sig, algorithm+"-TRAILER", hexSHA256(signed)); err != nil {
		return err
	}
	return c.crlf()
}

// addTrailer takes only what x-amz-trailer announced, and each once.
func (c *chunked) addTrailer(name string, value []byte) error {
	value = bytes.Trim(value, " \t")
	key := textproto.CanonicalMIMEHeaderKey(name)
	if !slices.Contains(c.announced, name) || c.trailer[key] != nil || len(value) == 0 {
		return badTrailer()
	}
	for _, b := range value {
		if b < ' ' || b > '~' {
			return badTrailer()
		}
	}
	c.trailer[key] = []string{string(value)}
	return nil
}

func trailerName(s string) bool {
	for i := range len(s) {
		if c := s[i]; !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-') {
			return false
		}
	}
	return s != ""
}

func badTrailer() *Error {
	return refuse("MalformedTrailerError", "The request contained trailing data that was not well-formed or did not conform to our published schema.")
}
