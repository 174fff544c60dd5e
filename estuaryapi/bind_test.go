package estuaryapi_test

import (
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/whypfs/whypfs/estuaryapi"
)

type named struct {
	ID uint64 `path:"id"`
}

type everything struct {
	named
	Limit  int              `query:"limit" default:"5" min:"1" max:"10"`
	Dir    string           `query:"dir,colpath"`
	Force  bool             `query:"force"`
	All    estuaryapi.Given `query:"all"`
	Before time.Time        `query:"before"`
	Begin  time.Time        `query:"begin" layout:"2006-01-02T15:04"`
	Age    time.Duration    `query:"age"`
	Root   cid.Cid          `query:"root"`
	IDs    []uint64         `query:"ids"`
	Match  string           `query:"match" enum:"exact,partial" default:"exact"`
	Copies *int             `query:"copies"`
	Agent  string           `header:"X-Agent"`
}

func request(t *testing.T, query, id string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/x/y?"+query, nil)
	r.Pattern = "/x/{id}"
	r.SetPathValue("id", id)
	return r
}

func TestParameters(t *testing.T) {
	root := cid.MustParse(rawCID(t, "x"))
	two := 2
	tests := []struct {
		name, query string
		want        everything
	}{
		{"defaults", "", everything{}},
		{"empty is absent", "limit=&before=&root=&ids=&copies=&all=&match=", everything{}},
		{"all kinds", "limit=10&dir=/a&force=true&all=no&before=2023-01-02T03:04:05Z&begin=2023-01-02T03:04&age=24h&root=" + root.String() + "&match=partial&copies=2",
			everything{Limit: 10, Dir: "/a", Force: true, All: true, Before: time.Date(2023, 1, 2, 3, 4, 5, 0, time.UTC),
				Begin: time.Date(2023, 1, 2, 3, 4, 0, 0, time.UTC), Age: 24 * time.Hour, Root: root, Match: "partial", Copies: &two}},
		{"an older name", "colpath=/b", everything{Dir: "/b"}},
		{"the newer name wins", "colpath=/b&dir=/a", everything{Dir: "/a"}},
		{"a list by commas and again", "ids=1,2&ids=3", everything{IDs: []uint64{1, 2, 3}}},
		{"the first of several", "limit=3&limit=4", everything{Limit: 3}},
		{"False as Python writes it", "force=False", everything{}},
	}
	for _, tt := range tests {
		if tt.want.Limit == 0 {
			tt.want.Limit = 5
		}
		if tt.want.Match == "" {
			tt.want.Match = "exact"
		}
		tt.want.ID, tt.want.Agent = 18446744073709551615, "a"
		r := request(t, tt.query, "18446744073709551615")
		r.Header.Set("X-Agent", "a")
		var got everything
		if err := estuaryapi.Parse(r, &got); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

func TestMalformedParameters(t *testing.T) {
	for query, want := range map[string]string{
		"limit=0": `limit: "0" is not a number from 1 to 10`, "limit=11": `limit: "11" is not a number from 1 to 10`,
		"limit=1.0": `limit: "1.0" is not a number from 1 to 10`, "limit=%201": `limit: " 1" is not a number from 1 to 10`,
		"force=yes": `force: "yes" is not true or false`, "before=yesterday": `before: "yesterday" is not a time like 2006-01-02T15:04:05Z07:00`,
		"begin=2023-01-02": `begin: "2023-01-02" is not a time like 2006-01-02T15:04`, "age=24": `age: "24" is not a duration like 24h`,
		"root=bafy": `root: "bafy" is not a CID`, "ids=1,,2": `ids: "" is not an id`, "ids=-1": `ids: "-1" is not an id`,
		"match=iexact": `match: "iexact" is not one of exact, partial`, "copies=x": `copies: "x" is not a number, at least 0`,
		"limit=" + strings.Repeat("9", 5000): `limit: "` + strings.Repeat("9", 200) + `…" is not a number from 1 to 10`,
	} {
		var got everything
		err := estuaryapi.Parse(request(t, query, "7"), &got)
		if err == nil || err.Error() != "ERR_INVALID_INPUT: "+want {
			t.Errorf("%.40s: %v, want %s", query, err, want)
		}
	}
	var got named
	if err := estuaryapi.Parse(request(t, "", "x"), &got); err == nil || err.Error() != `ERR_INVALID_INPUT: "x" is not an id` {
		t.Errorf("a path: %v", err)
	}
	var must struct {
		Name string `query:"name" required:"true"`
	}
	if err := estuaryapi.Parse(request(t, "name=", "7"), &must); err == nil || err.Error() != "ERR_INVALID_INPUT: name is required" {
		t.Errorf("what is required: %v", err)
	}
}

// A body is JSON whatever its Content-Type says, as V1 read it.
func TestBodies(t *testing.T) {
	type in struct {
		Body struct{ Name string } `body:""`
	}
	const bad = "ERR_INVALID_INPUT: one or more params has an invalid data type or not supported: "
	for body, want := range map[string]string{
		`{"name":"a"}`:             "",
		`{"Name":"a","more":[1]}`:  "",
		``:                         bad + "EOF",
		`{"name":`:                 bad + "unexpected EOF",
		`{"name":7}`:               bad + "json: cannot unmarshal number into Go struct field .Name of type string",
		`[]`:                       bad + "json: cannot unmarshal array into Go value of type struct { Name string }",
		strings.Repeat("[", 20000): bad + "invalid character '[' exceeded max depth",
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/x", strings.NewReader(body))
		r.Header.Set("Content-Type", "text/plain")
		var got in
		err := estuaryapi.Parse(r, &got)
		if want == "" && (err != nil || got.Body.Name != "a") || want != "" && (err == nil || !strings.HasPrefix(err.Error(), want)) {
			t.Errorf("%.20s: %+v, %v, want %q", body, got, err, want)
		}
	}
}
