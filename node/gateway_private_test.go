package node

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
)

// representations are all the ways to ask for content by its path.
var representations = []struct{ query, accept, ranges string }{
	{"", "", ""},
	{"", "text/html", ""},
	{"", "", "bytes=0-5"},
	{"?filename=x.txt&download=true", "", ""},
	{"?format=raw", "", ""},
	{"?format=raw", "", "bytes=0-5"},
	{"", "application/vnd.ipld.raw", ""},
	{"?format=car", "", ""},
	{"?format=car&dag-scope=all", "", ""},
	{"?format=car&dag-scope=entity&entity-bytes=0:5", "", ""},
	{"?format=car&dag-scope=block", "", ""},
	{"?format=car&car-dups=y&car-order=dfs", "", ""},
	{"", "application/vnd.ipld.car; order=dfs; dups=n", ""},
	{"?format=tar", "", ""},
	{"?format=json", "", ""},
	{"?format=cbor", "", ""},
	{"?format=dag-json", "", ""},
	{"?format=dag-cbor", "", ""},
	{"?format=ipns-record", "", ""},
}

// outcome is what a reader sees of a request: the status, or that the body
// broke off, and the bytes.
func outcome(t *testing.T, method, url, host, accept, ranges, inm string) (string, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if host != "" {
		r.Host = host
	}
	for name, value := range map[string]string{"Accept": accept, "Range": ranges, "If-None-Match": inm} {
		if value != "" {
			r.Header.Set(name, value)
		}
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(r)
	if err != nil {
		return "cut", ""
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return "cut", string(body)
	}
	return fmt.Sprint(res.StatusCode), string(body)
}

// Private content is invisible: whatever is asked, by whatever road, the
// answer is that of content which is nowhere.
func TestGatewayPrivateIsInvisible(t *testing.T) {
	const secret = "a secret text"
	hidden := cid.NewSet() // filled before anything is asked
	n := newTestNode(t, Config{Restore: func(_ context.Context, root cid.Cid) error {
		if hidden.Has(root) {
			t.Errorf("a stranger had %s restored", root)
		}
		return ErrNotFound
	}, Gateway: GatewayConfig{Domains: []string{"gateway.example"}}})
	open := rawOf(t, "public")
	type tree struct{ leaf, file, dir, cbor, over Block }
	build := func(text string) tree {
		leaf := rawOf(t, text)
		file := pbOf(t, fileNodeOf(uint64(len(text)), 6), "", leaf, open)
		dir := dirOf(t, "a", leaf, "f", file, "index.html", leaf, "_redirects", leaf)
		return tree{leaf, file, dir, cborOf(t, leaf.Cid), dirOf(t, "open", open, "dir", dir, "leaf", leaf)}
	}
	private, absent := build(secret), build("no such text!")
	for private, blocks := range map[bool][]Block{
		true:  {private.leaf, private.file, private.dir, private.cbor},
		false: {open, private.over, absent.over}, // public directories may link to anything
	} {
		if err := n.PutBlocks(t.Context(), blocks, private); err != nil {
			t.Fatal(err)
		}
	}
	for _, b := range []Block{private.leaf, private.file, private.dir, private.cbor} {
		hidden.Add(b.Cid)
	}
	signers := map[bool]signer{true: newSigner(t), false: newSigner(t)}
	srv := httptest.NewServer(n.Gateway())
	defer srv.Close()
	roads := func(tr tree, isPrivate bool) (urls, hosts []string) {
		s := signers[isPrivate]
		if err := n.PutNameRecord(t.Context(), s.name.String(), s.sign("/ipfs/"+tr.dir.Cid.String(), 1, time.Hour)); err != nil {
			t.Fatal(err)
		}
		for _, b := range []Block{tr.leaf, tr.file, tr.dir, tr.cbor} {
			urls, hosts = append(urls, "/ipfs/"+b.Cid.String()), append(hosts, "")
			urls, hosts = append(urls, "/"), append(hosts, b.Cid.String()+".ipfs.gateway.example")
		}
		for _, p := range []string{"/a", "/f", "/", "/none"} {
			urls, hosts = append(urls, "/ipfs/"+tr.dir.Cid.String()+p), append(hosts, "")
			urls, hosts = append(urls, "/ipfs/"+tr.over.Cid.String()+"/dir"+p), append(hosts, "")
			urls, hosts = append(urls, "/ipns/"+s.name.String()+p), append(hosts, "")
			urls, hosts = append(urls, p), append(hosts, s.name.String()+".ipns.gateway.example")
		}
		urls, hosts = append(urls, "/ipfs/"+tr.over.Cid.String()+"/leaf"), append(hosts, "")
		urls, hosts = append(urls, "/ipfs/"+tr.cbor.Cid.String()+"/0"), append(hosts, "")
		return urls, hosts
	}
	urls, hosts := roads(private, true)
	others, otherHosts := roads(absent, false)
	asked := 0
	for i := range urls {
		for _, rep := range representations {
			for _, method := range []string{"GET", "HEAD"} {
				got, body := outcome(t, method, srv.URL+urls[i]+rep.query, hosts[i], rep.accept, rep.ranges, "")
				want, _ := outcome(t, method, srv.URL+others[i]+rep.query, otherHosts[i], rep.accept, rep.ranges, "")
				if asked++; got != want {
					t.Errorf("%s %s%s%s %+v: %s, but %s of what is nowhere", method, hosts[i], urls[i], rep.query, rep, got, want)
				}
				if strings.Contains(body, secret) {
					t.Errorf("%s %s%s%s %+v: the secret", method, hosts[i], urls[i], rep.query, rep)
				}
				if got == "200" || got == "206" {
					// A part of a DAG that is public may be told, as in a CAR that says how far a path leads.
					// So may a record, which is public itself.
					if !strings.Contains(urls[i], private.over.Cid.String()) && rep.query != "?format=ipns-record" {
						t.Errorf("%s %s%s%s %+v: %s", method, hosts[i], urls[i], rep.query, rep, got)
					}
				}
			}
		}
		// Nor may a cache be told that what it has is right.
		got, _ := outcome(t, "GET", srv.URL+urls[i], hosts[i], "", "", "*")
		if want, _ := outcome(t, "GET", srv.URL+others[i], otherHosts[i], "", "", "*"); got != want {
			t.Errorf("If-None-Match of %s%s: %s, but %s of what is nowhere", hosts[i], urls[i], got, want)
		}
	}
	t.Logf("%d questions", asked)
}

// A directory that is here leads to content that is not: each file comes back
// as the content it was stored as, whatever road leads there, and a leaf that
// is gone as well as a root.
func TestGatewayRestoresBelowTheRoot(t *testing.T) {
	for _, tt := range []struct {
		name string
		lost func(file, leaf Block) []Block
	}{
		{"the file's root", func(file, leaf Block) []Block { return []Block{file, leaf} }},
		{"a leaf", func(_, leaf Block) []Block { return []Block{leaf} }},
	} {
		for _, road := range []string{"path", "name", "subdomain", "range", "car", "tar", "whole tar"} {
			t.Run(tt.name+" by "+road, func(t *testing.T) {
				leaf, kept := rawOf(t, "the first leaf, "), rawOf(t, "and the second")
				file := pbOf(t, fileNodeOf(uint64(len(leaf.Data)), uint64(len(kept.Data))), "", leaf, kept)
				dir := dirOf(t, "sub", dirOf(t, "file.txt", file))
				lost := tt.lost(file, leaf)
				var n *Node
				var restored []cid.Cid
				n = newTestNode(t, Config{
					Restore: func(ctx context.Context, root cid.Cid) error {
						if !root.Equals(file.Cid) {
							return ErrNotFound // no other content is known
						}
						restored = append(restored, root)
						return n.PutBlocks(ctx, lost, false)
					},
				})
				for _, b := range []Block{leaf, kept, file, dir, dirOf(t, "file.txt", file)} {
					if !containsBlock(lost, b) {
						if err := n.PutBlocks(t.Context(), []Block{b}, false); err != nil {
							t.Fatal(err)
						}
					}
				}
				s := newSigner(t)
				if err := n.PutNameRecord(t.Context(), s.name.String(), s.sign("/ipfs/"+dir.Cid.String(), 1, time.Hour)); err != nil {
					t.Fatal(err)
				}
				srv := httptest.NewServer(n.Gateway())
				defer srv.Close()
				path, host, ranges, want := "/ipfs/"+dir.Cid.String()+"/sub/file.txt", "", "", "the first leaf, and the second"
				switch road {
				case "name":
					path = "/ipns/" + s.name.String() + "/sub/file.txt"
				case "subdomain":
					path, host = "/sub/file.txt", dir.Cid.String()+".ipfs.localhost"
				case "range":
					ranges, want = "bytes=4-8", "first"
				case "car":
					path, want = path+"?format=car", "the first leaf, "
				case "tar":
					path, want = path+"?format=tar", "the first leaf, "
				case "whole tar":
					path, want = "/ipfs/"+dir.Cid.String()+"?format=tar", "the first leaf, "
				}
				status, body := outcome(t, "GET", srv.URL+path, host, "", ranges, "")
				if status != "200" && status != "206" || !strings.Contains(body, want) {
					t.Errorf("%s %q, want one with %q", status, body, want)
				}
				if len(restored) != 1 {
					t.Errorf("restored %v, want the file once", restored)
				}
			})
		}
	}
}

func containsBlock(all []Block, b Block) bool {
	for _, x := range all {
		if x.Cid.Equals(b.Cid) {
			return true
		}
	}
	return false
}
