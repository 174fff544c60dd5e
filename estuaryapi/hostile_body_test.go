package estuaryapi_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/internal/car"
)

// hostilePassword is ann's.
const hostilePassword = "zq7password7qz"

// jsonOf is a value of a schema, as a client should send it. Fields that name
// something of a user's name what known has.
func jsonOf(s *openapi3.Schema, field string, known func(string) string, depth int) any {
	switch {
	case len(s.AllOf) > 0:
		return jsonOf(s.AllOf[0].Value, field, known, depth)
	case s.Type.Is("array"):
		return []any{jsonOf(s.Items.Value, field, known, depth)}
	case s.Type.Is("object"):
		o := map[string]any{}
		for name, p := range s.Properties {
			if depth < 6 {
				o[name] = jsonOf(p.Value, name, known, depth+1)
			}
		}
		return o
	case s.Type.Is("integer") || s.Type.Is("number"):
		if v := known(field); v != "" {
			return json.Number(v)
		}
		return cmp.Or(map[string]int{"size": 1 << 20, "durationBlks": 600_000}[field], 1)
	case s.Type.Is("boolean"):
		return false
	}
	if v := known(field); v != "" {
		return v
	}
	return map[string]string{"by": "path", "value": "/file", "reason": "why", "name": "a name", "address": "f1abjxfbp274xpdqcpuaykwkfb43omjotacm2p3za",
		"passwordHash": hostilePassword, "newPasswordHash": "another password 7"}[field]
}

// hostileJSON is text that is such a value, or is not, or hardly.
func hostileJSON(c chooser, s *openapi3.Schema, known func(string) string) []byte {
	v := jsonOf(s, "id", known, 0)
	for range c.n(4) {
		v = spoilt(c, v)
	}
	text := []byte("null")
	if b, err := json.Marshal(v); err == nil {
		text = b
	}
	switch c.n(16) {
	case 1:
		return text[:c.n(len(text)+1)]
	case 2:
		return append(text, text...)
	case 3:
		return bytes.ReplaceAll(text, []byte(`a`), []byte("\xff"))
	case 4:
		return append([]byte("\ufeff"), text...)
	case 5:
		return nil
	case 6:
		return []byte(one(c, []string{"null", "0", `""`, "[]", "{}", "[[]]", "[null]", "[{}]", "true", "{", "]", "nul", "1e999", `{"a":1,"a":2}`, "//", "\x00"}))
	case 7:
		return []byte(strings.Repeat(`[`, 20_000))
	case 8:
		return []byte(strings.Repeat(`{"a":`, 20_000))
	case 9:
		return []byte("[" + strings.Repeat("1,", 200_000) + "1]")
	case 10:
		return bytes.ReplaceAll(text, []byte(`:`), []byte(`:`+strings.Repeat(" ", 10_000)))
	case 11: // each field twice, the second time something else
		return bytes.Replace(text, []byte("{"), []byte(`{"cid":1,"username":[],"miner":null,"contentids":"x",`), 1)
	}
	return text
}

// spoilt is v with one value in it changed.
func spoilt(c chooser, v any) any {
	switch v := v.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if c.n(2) == 0 {
				continue
			}
			if c.n(5) == 1 {
				delete(v, name)
			} else {
				v[name] = spoilt(c, v[name])
			}
			return v
		}
	case []any:
		switch c.n(4) {
		case 1:
			return append(v, v...)
		case 2:
			return []any{}
		case 3:
			return append(v, nil, map[string]any{}, "x", -1, 1e300)
		}
		if len(v) > 0 {
			v[0] = spoilt(c, v[0])
		}
		return v
	}
	return one(c, []any{nil, true, -1, 0, json.Number("18446744073709551616"), 1.5, json.Number("1e400"), []any{}, map[string]any{}, []any{[]any{nil}}, map[string]any{"a": map[string]any{"b": 1}},
		text(c, []string{"a"}), text(c, []string{"/"}), text(c, []string{"f01000"}), strings.Repeat("a", 1<<20), "\u0000", " "})
}

// hostileFields are fields of a form, some of them more than once.
func hostileFields(c chooser, fields []string, own things) []byte {
	var b bytes.Buffer
	for range 1 + c.n(4) {
		name := one(c, fields)
		fmt.Fprintf(&b, "%s=%s&", name, url.QueryEscape(text(c, []string{cmp.Or(own.named(name), "x")})))
	}
	return b.Bytes()
}

// hostileForm is a form, or what is nearly one, and its type.
func hostileForm(c chooser, fields []string, own things) (kind string, body []byte) {
	b := &bytes.Buffer{}
	part := func(header, data string) { fmt.Fprintf(b, "--x\r\n%s\r\n\r\n%s\r\n", header, data) }
	file := func(name string) string {
		return `Content-Disposition: form-data; name="data"; filename="` + name + `"`
	}
	end := "--x--\r\n"
	kind = "multipart/form-data; boundary=x"
	switch c.n(14) {
	case 0:
		part(file("a.txt"), "a file")
	case 1:
		part(file(one(c, wrongTexts)), one(c, wrongTexts))
	case 2:
		part(`Content-Disposition: form-data; name="filename"`, one(c, wrongTexts))
		part(file("a.txt"), "renamed")
	case 3:
		part(file("a.txt"), "twice")
		part(file("b.txt"), "twice")
	case 4:
		part(file("a.txt"), "breaks off")
		end = "--x"
	case 5:
		part(`Content-Disposition: form-data; name="data"`, "no file")
	case 6:
		for range 3000 {
			part(`Content-Disposition: form-data; name="a"`, "b")
		}
	case 7:
		part(file("a.txt")+"\r\nContent-Type: "+one(c, wrongTexts)+"\r\nX: "+strings.Repeat("a", c.n(1000)*1000), "odd headers")
	case 8:
		for range c.n(4) {
			name := one(c, fields)
			part(`Content-Disposition: form-data; name="`+name+`"`, text(c, []string{cmp.Or(own.named(name), "true"), "/dir"}))
		}
		part(file("a.txt"), "somewhere")
		name := one(c, fields)
		part(`Content-Disposition: form-data; name="`+name+`"`, text(c, []string{"1"}))
	case 9:
		part(file("big"), strings.Repeat("0123456789abcdef", 1<<16+c.n(1<<14)))
	case 10:
		part(`Content-Disposition: attachment; filename*=UTF-8''%ff%00; name="data"`, "")
	case 11:
		part("", "no header")
	case 12:
		kind = one(c, []string{"multipart/form-data", "multipart/mixed; boundary=x", "multipart/form-data; boundary=", "multipart/form-data; boundary=" + strings.Repeat("x", 80), "application/json", "\xff", ""})
		part(file("a.txt"), "another type")
	case 13:
		return kind, []byte(one(c, wrongTexts))
	}
	b.WriteString(end)
	return kind, b.Bytes()
}

// section is a block of a CAR file.
func section(codec uint64, data string) (cid.Cid, []byte) {
	id, err := cid.V1Builder{Codec: codec, MhType: 0x12}.Sum([]byte(data))
	if err != nil {
		panic(err)
	}
	return id, append(car.SectionHead(id, len(data)), data...)
}

// badNodes are blocks that are not what their CIDs say: dag-pb and dag-cbor that
// are none, UnixFS that is none, a file that says it has more than it has, and
// links to nothing.
var badNodes = []struct {
	codec uint64
	data  string
}{
	{cid.DagProtobuf, "no node"}, {cid.DagCBOR, "\xff"}, {cid.DagProtobuf, "\x0a\x02\x08\x63"}, {cid.DagProtobuf, "\x0a\x08\x08\x02\x18\xff\xff\xff\xff\x0f"},
	{cid.DagProtobuf, "\x12\x02\x0a\x00"}, {cid.DagProtobuf, "\x0a\x04\x08\x05\x18\x00"}, {cid.DagProtobuf, ""}, {cid.DagCBOR, "\xa1aa\xd8*D\x00\x01\x02\x03"},
}

// hostileCAR is a CAR file, or what is nearly one.
func hostileCAR(c chooser) []byte {
	leaf := func(data string) (cid.Cid, []byte) { return section(cid.Raw, data) }
	root, section := leaf("a leaf in a CAR")
	other, second := leaf("another leaf")
	file := append(car.Header(root), section...)
	huge := []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}
	switch c.n(16) {
	case 12, 13, 14, 15:
		return badCAR(c)
	case 1:
		return append(car.Header(other), section...)
	case 2:
		return car.Header(root)
	case 3:
		return file[:c.n(len(file))]
	case 4:
		return append(file, huge...)
	case 5:
		return append(huge, file...)
	case 6: // not its hash
		file[len(file)-1] ^= 1
		return file
	case 7:
		return []byte("\x0aaversion\x02")
	case 8: // two roots
		return append([]byte("\x10\xa2eroots\x82\xd8\x2a\x40\xd8\x2a\x40gversion\x01"), section...)
	case 9: // no root
		return append([]byte("\x11\xa2eroots\x80gversion\x01"), section...)
	case 10:
		return append(file, second...)
	case 11:
		return []byte(one(c, wrongTexts))
	}
	return file
}

// badCAR has one of the bad nodes as its root.
func badCAR(c chooser) []byte {
	b := one(c, badNodes)
	root, block := section(b.codec, b.data)
	return append(car.Header(root), block...)
}
