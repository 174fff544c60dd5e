package client

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// Whatever a host answers, a person is told a short line of printable text.
func FuzzParseError(f *testing.F) {
	for _, s := range []string{
		`{"error":{"code":404,"reason":"ERR_X","details":"d"}}`, `{"error":"ERR_X","details":"d"}`, `{"error":"text"}`,
		`{"message":"m"}`, `{"error":null}`, `[]`, `"x"`, "<html>", "a\nb", "\x1b[2J", "{", "",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		text := parseError("GET", "/x", 500, body).Error()
		if !utf8.ValidString(text) || len(text) > 3*maxErrorText || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			t.Errorf("%q", text)
		}
	})
}

// What a host lists is read or refused, and a path never leaves the collection.
func FuzzEntry(f *testing.F) {
	for _, s := range []string{
		`{"name":"a","type":"file","size":1,"contId":2,"cid":"bafkreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2devei4","dir":"/"}`,
		`{"name":"a","type":"directory","dir":"/"}`, `{"name":"a","dir":true,"cid":{"/":"b"}}`, `{"id":1,"type":1,"path":"/x/../../y","cid":null}`,
	} {
		f.Add([]byte(s), "/dir")
	}
	f.Fuzz(func(t *testing.T, body []byte, dir string) {
		var w wireEntry
		if json.Unmarshal(body, &w) != nil {
			return
		}
		if e := w.entry(dir); !strings.HasPrefix(e.Path, "/") || strings.Contains(e.Path+"/", "/../") {
			t.Errorf("path %q", e.Path)
		}
	})
}
