package s3

import (
	"bytes"
	"encoding/xml"
	"unicode/utf8"
)

// A key can hold characters that XML 1.0 forbids, and clients that write one
// into a document leave it as it is or write a reference to it. encoding/xml
// refuses both. So before it reads a document such a character becomes a pair
// that it lets through, mark and markBase plus the character; mark itself
// becomes a pair of marks. unmarked turns the pairs of a text back.
const (
	mark     = '\U0010FFFF'
	markBase = 0xF0000
)

// forbidden says whether encoding/xml would refuse r, or mistake it for a mark.
func forbidden(r rune) bool {
	return r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF || r == mark
}

func appendMarked(out []byte, r rune) []byte {
	out = utf8.AppendRune(out, mark)
	if r != mark {
		r += markBase
	}
	return utf8.AppendRune(out, r)
}

// marked returns a document with its forbidden characters as pairs: data
// itself, if it has none.
func marked(data []byte) []byte {
	var out []byte
	done := 0 // of data, copied to out
	replace := func(from, to int, r rune) {
		out = appendMarked(append(out, data[done:from]...), r)
		done = to
	}
	verbatim := false // in a CDATA section, where nothing is a reference
	for i := 0; i < len(data); {
		r, width := utf8.DecodeRune(data[i:])
		switch {
		case forbidden(r):
			replace(i, i+width, r)
		case verbatim:
			verbatim = !bytes.HasPrefix(data[i:], []byte("]]>"))
		case r == '<':
			verbatim = bytes.HasPrefix(data[i:], []byte("<![CDATA["))
		case r == '&':
			if ref, n := reference(data[i:]); n > 0 {
				if width = n; forbidden(ref) {
					replace(i, i+n, ref)
				}
			}
		}
		i += width
	}
	if out == nil {
		return data
	}
	return append(out, data[done:]...)
}

// reference reads a numeric character reference at the start of data, and
// returns its length too, 0 if there is none.
func reference(data []byte) (r rune, length int) {
	digits, ok := bytes.CutPrefix(data, []byte("&#"))
	if !ok {
		return 0, 0
	}
	base := rune(10)
	if hex, ok := bytes.CutPrefix(digits, []byte("x")); ok {
		digits, base = hex, 16
	}
	n := 0
	for ; n < len(digits) && r <= utf8.MaxRune; n++ {
		d := digit(digits[n])
		if d >= base {
			break
		}
		r = r*base + d
	}
	if n == 0 || n == len(digits) || digits[n] != ';' || r > utf8.MaxRune {
		return 0, 0
	}
	return r, len(data) - len(digits) + n + 1
}

// digit is the value of a hexadecimal digit, and more than 15 for others.
func digit(c byte) rune {
	switch {
	case '0' <= c && c <= '9':
		return rune(c - '0')
	case 'a' <= c && c <= 'f':
		return rune(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return rune(c-'A') + 10
	}
	return 16
}

// unmarked turns the pairs of a text back into characters.
func unmarked(text xml.CharData) (xml.CharData, error) {
	if !bytes.ContainsRune(text, mark) {
		return text, nil
	}
	out := make([]byte, 0, len(text))
	for len(text) > 0 {
		r, width := utf8.DecodeRune(text)
		text = text[width:]
		if r == mark {
			if r, width = utf8.DecodeRune(text); r != mark {
				r -= markBase
			}
			if !forbidden(r) {
				return nil, errMalformedXML // no pair that marked made
			}
			text = text[width:]
		}
		out = utf8.AppendRune(out, r)
	}
	return out, nil
}
