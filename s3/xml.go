package s3

import (
	"bytes"
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const namespace = "http://s3.amazonaws.com/doc/2006-03-01/"

// text is character data that may hold characters which XML 1.0 forbids: a key
// can. encoding/xml would turn them into U+FFFD, and a client would then act on
// a key that does not exist. Like S3 we write a character reference, which a
// client that wants to be safe from it avoids by asking for encoding-type=url.
type text string

// MarshalXML implements xml.Marshaler.
func (t text) MarshalXML(e *xml.Encoder, start xml.StartElement) error {
	return e.EncodeElement(struct {
		Inner string `xml:",innerxml"`
	}{escape(string(t))}, start)
}

func escape(s string) string {
	var b strings.Builder
	last := 0
	for i := 0; i < len(s); {
		r, width := utf8.DecodeRuneInString(s[i:])
		var esc string
		switch {
		case r == '&':
			esc = "&amp;"
		case r == '<':
			esc = "&lt;"
		case r == '>':
			esc = "&gt;"
		case r == '"':
			esc = "&quot;"
		case r < 0x20, r == 0x7f, r == 0xfffe, r == 0xffff:
			esc = "&#x" + strconv.FormatInt(int64(r), 16) + ";"
		case r == utf8.RuneError && width == 1:
			esc = "\uFFFD"
		}
		if esc != "" {
			b.WriteString(s[last:i])
			b.WriteString(esc)
			last = i + width
		}
		i += width
	}
	if last == 0 {
		return s
	}
	b.WriteString(s[last:])
	return b.String()
}

// element is one whose name is known only when the document is made, such as
// ChecksumCRC32.
type element struct {
	XMLName xml.Name
	Value   string `xml:",chardata"`
}

// MarshalXML implements xml.Marshaler. The default would say that an element
// is in no namespace, while it is in that of its document.
func (el element) MarshalXML(e *xml.Encoder, _ xml.StartElement) error {
	return e.EncodeElement(el.Value, xml.StartElement{Name: xml.Name{Local: el.XMLName.Local}})
}

func newElement(name, value string) element {
	return element{XMLName: xml.Name{Local: name}, Value: value}
}

// stamp is a time as S3 writes it in documents.
func isoTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// quote puts an ETag into its quotes.
func quote(etag string) string { return `"` + etag + `"` }

// urlEncode encodes a key for encoding-type=url. Slashes stay, as S3 leaves them.
func urlEncode(s string) string {
	return strings.ReplaceAll(url.QueryEscape(s), "%2F", "/")
}

// writeXML answers with a document of known length.
func writeXML(w http.ResponseWriter, status int, doc any) error {
	var b bytes.Buffer
	b.WriteString(xml.Header)
	if err := xml.NewEncoder(&b).Encode(doc); err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/xml")
	h.Set("Content-Length", strconv.Itoa(b.Len()))
	w.WriteHeader(status)
	_, err := w.Write(b.Bytes())
	return err
}

// parseXML reads a document the client sent; elements it does not know are
// ignored. What follows the document is not.
func parseXML(data []byte, into any) error {
	d := xml.NewTokenDecoder(newModest(data))
	err := d.Decode(into)
	if err == nil {
		err = nothingMore(d)
	}
	switch {
	case err == nil:
		return nil
	case translate(err) != errInternal: // of an element that judges itself
		return err
	}
	return errMalformedXML
}

// Limits that are far more than any document of S3 needs.
const (
	maxDepth = 32
	maxToken = 64 << 10 // bytes of one tag or text
)

// modest refuses nesting and tags of many attributes, of which encoding/xml
// remembers every one. It takes characters that XML forbids for what they are.
type modest struct {
	src   *bytes.Reader
	raw   *xml.Decoder // of the bytes that ReadByte lets through
	depth int
	read  int // bytes of the current token
}

func newModest(data []byte) *modest {
	m := &modest{src: bytes.NewReader(marked(data))}
	m.raw = xml.NewDecoder(m)
	return m
}

// Token implements xml.TokenReader.
func (m *modest) Token() (xml.Token, error) {
	m.read = 0
	t, err := m.raw.RawToken()
	switch t := t.(type) {
	case xml.StartElement:
		if m.depth++; m.depth > maxDepth {
			return nil, errMalformedXML
		}
	case xml.EndElement:
		m.depth--
	case xml.CharData:
		return unmarked(t)
	}
	return t, err
}

// ReadByte implements io.ByteReader, which makes the decoder read no further
// than the token it makes.
func (m *modest) ReadByte() (byte, error) {
	if m.read++; m.read > maxToken {
		return 0, errMalformedXML
	}
	return m.src.ReadByte()
}

// Read implements io.Reader, for a decoder that would not know ReadByte.
func (m *modest) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	b, err := m.ReadByte()
	if err != nil {
		return 0, err
	}
	p[0] = b
	return 1, nil
}

// nothingMore says whether only white space and comments follow.
func nothingMore(d *xml.Decoder) error {
	for {
		t, err := d.Token()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		switch t := t.(type) {
		case xml.Comment, xml.ProcInst:
		case xml.CharData:
			if len(bytes.TrimSpace(t)) > 0 {
				return errMalformedXML
			}
		default:
			return errMalformedXML
		}
	}
}
