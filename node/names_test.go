package node

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// A record that is put holds from then on, and answers say how long.
func TestGatewayNames(t *testing.T) {
	n := newTestNode(t, Config{})
	first, second := rawOf(t, "first"), rawOf(t, "second")
	if err := n.PutBlocks(t.Context(), []Block{first, second}, false); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(n.Gateway())
	defer srv.Close()
	s := newSigner(t)
	url := srv.URL + "/ipns/" + s.name.String()
	if res, _ := fetchURL(t, "GET", url); res.StatusCode < 400 {
		t.Errorf("a name without a record: %d", res.StatusCode)
	}
	if res, _ := fetchURL(t, "GET", url+"?format=ipns-record"); res.StatusCode != 404 {
		t.Errorf("no record: %d, want 404", res.StatusCode)
	}
	for i, b := range []Block{first, second} {
		record := s.sign("/ipfs/"+b.Cid.String(), uint64(i), time.Hour)
		if err := n.PutNameRecord(t.Context(), s.name.String(), record); err != nil {
			t.Fatal(err)
		}
		res, body := fetchURL(t, "GET", url)
		if res.StatusCode != 200 || string(body) != string(b.Data) {
			t.Errorf("record %d: %d %q, want %q", i, res.StatusCode, body, b.Data)
		}
		if cc := res.Header.Get("Cache-Control"); !strings.Contains(cc, "max-age=60") || strings.Contains(cc, "immutable") {
			t.Errorf("record %d: Cache-Control %q, want its minute", i, cc)
		}
		res, body = fetchURL(t, "GET", url+"?format=ipns-record")
		if ct := res.Header.Get("Content-Type"); ct != "application/vnd.ipfs.ipns-record" || !bytes.Equal(body, record) {
			t.Errorf("record %d: %s, %d bytes", i, ct, len(body))
		}
	}
	// It is signed for a time, and no longer.
	expired := newSigner(t)
	if err := n.PutNameRecord(t.Context(), expired.name.String(), expired.sign("/ipfs/"+first.Cid.String(), 1, -time.Second)); err == nil {
		t.Error("an expired record was taken")
	}
}

// DNSLinks are looked up where the settings say, once in their time, and
// nowhere else.
func TestGatewayDNS(t *testing.T) {
	b := rawOf(t, "by DNS")
	var asked atomic.Int32
	doh := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		answerTXT(t, w, r, map[string]string{"_dnslink.site.example.": "dnslink=/ipfs/" + b.Cid.String()})
	}))
	defer doh.Close()
	n := newTestNode(t, Config{Gateway: GatewayConfig{DNS: doh.URL, Names: map[string]string{"fixed.example": "/ipfs/" + b.Cid.String()}}})
	if err := n.PutBlocks(t.Context(), []Block{b}, false); err != nil {
		t.Fatal(err)
	}
	get := func(url string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		n.Gateway().ServeHTTP(w, httptest.NewRequest("GET", url, nil))
		return w
	}
	for _, tt := range []struct {
		url   string
		code  int
		asked int32 // in all
	}{
		{"http://127.0.0.1/ipns/fixed.example", 200, 0},
		{"http://fixed.example/", 200, 0},
		{"http://127.0.0.1/ipns/site.example", 200, 1},
		{"http://site.example/", 200, 1},
		{"http://SITE.example/", 200, 1},
		{"http://nothing.example/", 404, 2},
		{"http://127.0.0.1/ipns/nothing.example", 502, 2},
		{"http://127.0.0.1/ipns/vitalik.eth", 502, 3}, // also of this server, not of a public one
	} {
		w := get(tt.url)
		if w.Code != tt.code || asked.Load() != tt.asked {
			t.Errorf("GET %s: %d, %d questions so far; want %d, %d", tt.url, w.Code, asked.Load(), tt.code, tt.asked)
		}
	}
	if cc := get("http://site.example/").Header().Get("Cache-Control"); !strings.Contains(cc, "max-age=") || strings.Contains(cc, "immutable") {
		t.Errorf("Cache-Control of a DNSLink: %q, want the time of its record", cc)
	}
}

// answerTXT answers a DNS-over-HTTPS question.
func answerTXT(t *testing.T, w http.ResponseWriter, r *http.Request, records map[string]string) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	var q dnsmessage.Message
	if err := q.Unpack(body); err != nil || len(q.Questions) != 1 {
		t.Errorf("question: %v", err)
		return
	}
	q.Response = true
	txt, ok := records[q.Questions[0].Name.String()]
	if ok {
		q.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: q.Questions[0].Name, Type: dnsmessage.TypeTXT, Class: dnsmessage.ClassINET, TTL: 100},
			Body:   &dnsmessage.TXTResource{TXT: []string{txt}},
		}}
	} else {
		q.RCode = dnsmessage.RCodeNameError
	}
	q.Additionals = nil
	packed, err := q.Pack()
	if err != nil {
		t.Error(err)
	}
	w.Header().Set("Content-Type", "application/dns-message")
	w.Write(packed)
}
