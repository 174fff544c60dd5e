package estuaryapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/estuaryapi"
)

// pinned is an answer's PinStatus.
type pinned struct {
	RequestID string            `json:"requestid"`
	Status    string            `json:"status"`
	Created   time.Time         `json:"created"`
	Delegates []string          `json:"delegates"`
	Info      map[string]string `json:"info"`
	Pin       struct {
		CID     string            `json:"cid"`
		Name    string            `json:"name"`
		Origins []string          `json:"origins"`
		Meta    map[string]string `json:"meta"`
	} `json:"pin"`
	Content *struct {
		ID      uint64 `json:"id"`
		CID     string `json:"cid"`
		PinMeta string `json:"pinMeta"`
		Origins string `json:"origins"`
		Active  bool   `json:"active"`
	} `json:"content"`
}

type pinPage struct {
	Count   int      `json:"count"`
	Results []pinned `json:"results"`
}

func (p pinPage) ids() (ids []string) {
	for _, r := range p.Results {
		ids = append(ids, r.RequestID)
	}
	return ids
}

// dead is an origin that does not answer.
const dead = "/ip4/127.0.0.1/tcp/1/p2p/12D3KooWAfPDpPRRRBrmqy9is2zjU5srQ4hKuZitiGmh4NTTpS2d"

// postJSON sends JSON.
func (f *fixture) postJSON(path, token string, body any) answer {
	f.t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		f.t.Fatal(err)
	}
	return f.do(http.MethodPost, path, token, strings.NewReader(string(data)), "Content-Type", "application/json")
}

type object = map[string]any

// pin asks for a pin.
func (f *fixture) pin(token string, body object) pinned {
	f.t.Helper()
	return accept[pinned](f.t, f.postJSON("/pinning/pins", token, body))
}

// accept reads an answer 202.
func accept[T any](t testing.TB, a answer) (v T) {
	t.Helper()
	if a.code != http.StatusAccepted {
		t.Fatalf("answer is %d %s, want 202", a.code, a.body)
	}
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		t.Fatalf("%s: %v", a.body, err)
	}
	return v
}

func (f *fixture) pinAt(token, id string) pinned {
	f.t.Helper()
	return decode[pinned](f.t, f.get("/pinning/pins/"+id, token))
}

// awaitPin waits for the store to say that a pin is as ok wants it.
func (f *fixture) awaitPin(token, id, what string, ok func(pinned) bool) pinned {
	f.t.Helper()
	var p pinned
	f.await("pin "+id+" "+what, func() bool { p = f.pinAt(token, id); return ok(p) })
	return p
}

func (f *fixture) awaitPinStatus(token, id, status string) pinned {
	f.t.Helper()
	return f.awaitPin(token, id, status, func(p pinned) bool { return p.Status == status })
}

func (f *fixture) listPins(token, query string) pinPage {
	f.t.Helper()
	return decode[pinPage](f.t, f.get("/pinning/pins?"+query, token))
}

const pinShape = `{created:string delegates:[string] info:{status_details:string} pin:{cid:string meta:{app:string} name:string origins:[string]} requestid:string status:string}`

// A pin has the specification's shape, and V1's content beside it once there is one.
func TestPinShape(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	_, token := f.user("ann", accounts.LevelUser, 0)
	a := f.postJSON("/pinning/pins", token, object{"cid": rawCID(t, "nobody has it"), "name": "n", "origins": []string{dead}, "meta": object{"app": "x"}})
	p := accept[pinned](t, a)
	wantShape(t, "new pin", a.body, pinShape)
	if p.Status != "queued" || p.Pin.CID != rawCID(t, "nobody has it") || p.Pin.Name != "n" || p.Pin.Meta["app"] != "x" || !slices.Equal(p.Pin.Origins, []string{dead}) {
		t.Errorf("new pin %+v", p)
	}
	if want := f.node.Addrs(); !slices.Equal(p.Delegates, want) || !strings.Contains(want[0], "/p2p/"+f.node.ID()) {
		t.Errorf("delegates %v, want %v", p.Delegates, want)
	}
	// What is here already, and is the caller's, is pinned at once.
	up := f.add(token, "a.txt", "hello")
	a = f.postJSON("/pinning/pins", token, object{"cid": up.CID, "name": "again", "origins": []string{dead}, "meta": object{"k": "v"}})
	p = accept[pinned](t, a)
	if p.Status != "pinned" || p.Content == nil || !p.Content.Active || p.Content.CID != up.CID || len(p.Info) != 0 ||
		p.Content.PinMeta != `{"k":"v"}` || p.Content.Origins != `[{"ID":"12D3KooWAfPDpPRRRBrmqy9is2zjU5srQ4hKuZitiGmh4NTTpS2d","Addrs":["/ip4/127.0.0.1/tcp/1"]}]` {
		t.Errorf("pin of what is here: %s", a.body)
	}
	a = f.get("/pinning/pins/"+strconv.FormatUint(up.ID, 10), token)
	wantShape(t, "upload as pin", a.body, `{content:`+contentShape+` created:string delegates:[string] info:{} pin:{cid:string meta:{} name:string origins:[]} requestid:string status:string}`)
	if p := decode[pinned](t, a); p.RequestID != strconv.FormatUint(up.ID, 10) || p.Status != "pinned" || p.Pin.Name != "a.txt" || p.Content.ID != up.ID {
		t.Errorf("upload as pin: %s", a.body)
	}
	list := `{created:string delegates:[string] info:{} pin:{cid:string meta:{} name:string origins:[]} requestid:string status:string}`
	wantShape(t, "list", f.get("/pinning/pins?name=a.txt", token).body, `{count:float results:[]}`) // an upload is no pin
	f.pin(token, object{"cid": up.CID, "name": "third"})
	wantShape(t, "list", f.get("/pinning/pins?limit=1", token).body, `{count:float results:[`+list+`]}`)
	withContent := strings.Replace(list, "{created", "{content:"+contentShape+" created", 1)
	wantShape(t, "list by requestid", f.get(fmt.Sprint("/pinning/pins?requestid=", up.ID), token).body, `{count:float results:[`+withContent+`]}`)
	if a := f.postJSON("/pinning/pins", token, object{"cid": up.CID}); !a.has(`"pin":{"cid":"` + up.CID + `","origins":[],"meta":{}}`) {
		t.Errorf("without a name: %s", a.body)
	}
}

// Which pins a filter selects, and what is listed without a status.
func TestPinFilters(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	_, token := f.user("ann", accounts.LevelUser, 0)
	up := f.add(token, "up.txt", "here")
	var made []pinned
	for i, body := range []object{
		{"cid": rawCID(t, "1"), "name": "Report.pdf", "meta": object{"app": "x", "year": "2026"}},
		{"cid": rawCID(t, "2"), "name": "report.pdf", "meta": object{"app": "x"}},
		{"cid": up.CID, "name": "here"},
		{"cid": rawCID(t, "1"), "name": "my report.pdf"},
	} {
		body["origins"] = []string{dead}
		made = append(made, f.pin(token, body))
		if i > 0 && !made[i].Created.After(made[i-1].Created) {
			t.Fatal("pins are not made one after the other")
		}
	}
	id := func(i int) string { return made[i].RequestID }
	upload := strconv.FormatUint(up.ID, 10)
	at := func(i int) string { return url.QueryEscape(made[i].Created.Format(time.RFC3339Nano)) }
	for query, want := range map[string][]string{
		"":                                     {id(2)}, // what the specification says
		"limit=1000":                           {id(2)}, // is no filter
		"match=exact":                          {id(2)}, // nor is that without a name
		"before=" + at(3):                      {id(2)}, // who pages gets more of the same
		"name=":                                {id(2)}, // an empty one is none
		"status=queued,pinning,pinned,failed":  {id(3), id(2), id(1), id(0)},
		"status=pinned":                        {id(2)},
		"status=pinned,queued&limit=1":         {id(3)},
		"cid=" + rawCID(t, "1"):                {id(3), id(0)},
		"cid=" + rawCID(t, "1") + "," + up.CID: {id(3), id(2), id(0)},
		"cid=" + rawCID(t, "1") + "&status=pinned":             nil,
		"name=report.pdf":                                      {id(1)},
		"name=REPORT.pdf&match=iexact":                         {id(1), id(0)},
		"name=report&match=partial":                            {id(3), id(1)},
		"name=REPORT&match=ipartial":                           {id(3), id(1), id(0)},
		"meta=" + url.QueryEscape(`{"app":"x"}`):               {id(1), id(0)},
		"meta=" + url.QueryEscape(`{"app":"x","year":"2026"}`): {id(0)},
		"meta=" + url.QueryEscape(`{"app":"y"}`):               nil,
		"requestid=" + id(0) + "," + id(2) + ",7":              {id(2), id(0)},
		"requestid=" + id(0) + "," + upload:                    {id(0), upload},
		"requestid=" + id(0) + "&status=pinned":                nil,
		"status=queued,pinning&after=" + at(0):                 {id(3), id(1)},
		"status=queued,pinning&before=" + at(1):                {id(0)},
		"status=failed":                                        nil,
	} {
		got := f.listPins(token, query)
		slices.SortFunc(want, func(a, b string) int { return compareIDs(b, a) })
		if !slices.Equal(got.ids(), want) {
			t.Errorf("?%s lists %v, want %v", query, got.ids(), want)
		}
		if got.Count < len(want) || got.Results == nil {
			t.Errorf("?%s counts %d: %+v", query, got.Count, got.Results)
		}
	}
	if page := f.listPins(token, "status=queued,pinning,pinned,failed&limit=2"); page.Count != 4 || len(page.Results) != 2 {
		t.Errorf("a page counts %d of %d", page.Count, len(page.Results))
	}
}

func compareIDs(a, b string) int {
	x, _ := strconv.ParseUint(a, 10, 64)
	y, _ := strconv.ParseUint(b, 10, 64)
	return int(int64(x) - int64(y))
}

// A list of requestids is answered whole, as barge needs it; a page has 10
// without a limit, and up to 1000 with one.
func TestPinLimits(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	_, token := f.user("ann", accounts.LevelUser, 0)
	var batch []object
	for i := range 500 {
		batch = append(batch, object{"cid": rawCID(t, fmt.Sprint("nobody has ", i)), "origins": []string{dead}, "meta": object{"lot": "a"}})
	}
	made := accept[[]pinned](t, f.postJSON("/v2/pinning/batched-pins", token, batch))
	var ids []string
	for _, p := range made {
		ids = append(ids, p.RequestID)
	}
	// As barge has it: twice the same id in a list is no mistake.
	list := f.listPins(token, "requestid="+strings.Join(append(ids, ids[:200]...), ","))
	if list.Count != 500 || len(list.Results) != 500 {
		t.Errorf("500 ids give %d of %d", len(list.Results), list.Count)
	}
	if list := f.listPins(token, "limit=20&requestid="+strings.Join(ids, ",")); len(list.Results) != 20 || list.Count != 500 {
		t.Errorf("a page of 20 of 500 ids has %d of %d", len(list.Results), list.Count)
	}
	meta := "meta=" + url.QueryEscape(`{"lot":"a"}`)
	for query, want := range map[string]int{meta: 10, meta + "&limit=1": 1, meta + "&limit=1000": 500} {
		if list := f.listPins(token, query); len(list.Results) != want || list.Count != 500 {
			t.Errorf("?%s: %d of %d, want %d", query, len(list.Results), list.Count, want)
		}
	}
	// Through all pages by before, none is missed or seen twice.
	seen, before := map[string]bool{}, ""
	for len(seen) < 500 {
		page := f.listPins(token, meta+"&limit=77"+before)
		if len(page.Results) == 0 || page.Count != 500-len(seen) {
			t.Fatalf("page of %d, count %d, with %d seen", len(page.Results), page.Count, len(seen))
		}
		for _, p := range page.Results {
			if seen[p.RequestID] {
				t.Fatalf("%s twice", p.RequestID)
			}
			seen[p.RequestID] = true
			before = "&before=" + url.QueryEscape(p.Created.Format(time.RFC3339Nano))
		}
	}
	a := f.get("/pinning/pins?requestid="+strings.Repeat("1,", 1000)+"1", token)
	a.wantPinError(t, "1001 ids", 400, "ERR_INVALID_INPUT", "more than 1000 ids or CIDs at once")
	statuses := f.do(http.MethodGet, "/v2/pinning/batched-pins", token, strings.NewReader(fmt.Sprintf(`[{"content_id":%q},{"content_id":%s}]`, ids[3], ids[1])))
	if got := decode[[]pinned](t, statuses); len(got) != 2 || got[0].RequestID != ids[3] || got[1].RequestID != ids[1] {
		t.Errorf("batched statuses %s", statuses.body)
	}
}

// wantPinError is wantError for the pinning routes, whose errors have no code.
func (a answer) wantPinError(t testing.TB, what string, code int, reason, details string) {
	t.Helper()
	want := fmt.Sprintf(`{"error":{"reason":%q,"details":%s}}`, reason, jsonText(details))
	if a.code != code || strings.TrimSpace(a.body) != want {
		t.Errorf("%s = %d %s\nwant %d %s", what, a.code, a.body, code, want)
	}
}

func jsonText(s string) string {
	text, _ := json.Marshal(s)
	return string(text)
}

// What is malformed is refused, and nothing of it is stored.
func TestPinBadInput(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	_, token := f.user("ann", accounts.LevelUser, 0)
	good := rawCID(t, "x")
	for _, query := range []string{
		"limit=0", "limit=1001", "limit=ten", "limit=-1", "limit=1e3", "status=lost", "status=pinned,", "status=offloaded", "match=fuzzy", "cid=nonsense",
		"cid=" + good + ",", "before=yesterday", "after=2026-13-01T00:00:00Z", "meta=%7B", "meta=[]", "meta=%7B%22a%22:1%7D", "meta=%7B%22a%22:%7B%7D%7D",
		"requestid=abc", "requestid=-1", "requestid=99999999999999999999999", "name=%ff%fe", "name=%zz", "cid=%zz",
	} {
		if a := f.get("/pinning/pins?"+query, token); a.code != 400 || !a.has(`"reason":"ERR_`) || a.has(`"code"`) {
			t.Errorf("?%s = %d %s, want 400", query, a.code, a.body)
		}
	}
	bodies := map[string]string{
		"nothing":         ``,
		"no JSON":         `cid=` + good,
		"a list":          `[]`,
		"no cid":          `{}`,
		"an empty cid":    `{"cid":""}`,
		"a wrong cid":     `{"cid":"bafy"}`,
		"a number":        `{"cid":7}`,
		"identity":        `{"cid":"bafkqaaa"}`,
		"a name's type":   `{"cid":"` + good + `","name":["a"]}`,
		"a long name":     `{"cid":"` + good + `","name":"` + strings.Repeat("x", 256) + `"}`,
		"origins' type":   `{"cid":"` + good + `","origins":"` + dead + `"}`,
		"an origin's":     `{"cid":"` + good + `","origins":[1]}`,
		"meta's type":     `{"cid":"` + good + `","meta":["a"]}`,
		"a meta value's":  `{"cid":"` + good + `","meta":{"a":1}}`,
		"large meta":      `{"cid":"` + good + `","meta":{"a":"` + strings.Repeat("x", 17<<10) + `"}}`,
		"no UTF-8":        "{\"cid\":\"" + good + "\",\"name\":\"\xff\xfe\"}",
		"no UTF-8 in key": "{\"cid\":\"" + good + "\",\"meta\":{\"\xff\":\"\"}}",
	}
	old := f.add(token, "old", "old")
	for _, path := range []string{"/pinning/pins", "/content/add-ipfs", "/pinning/pins/" + strconv.FormatUint(old.ID, 10)} {
		for what, body := range bodies {
			if a := f.do(http.MethodPost, path, token, strings.NewReader(body)); a.code != 400 || !a.has(`"reason":"ERR_INVALID_INPUT"`) {
				t.Errorf("%s with %s = %d %s, want 400", path, what, a.code, a.body)
			}
		}
		large := `{"cid":"` + good + `","name":"` + strings.Repeat("x", 2<<20) + `"}`
		if a := f.do(http.MethodPost, path, token, strings.NewReader(large)); a.code != http.StatusRequestEntityTooLarge {
			t.Errorf("%s with 2 MiB = %d %s", path, a.code, a.body)
		}
	}
	for _, body := range []string{`{}`, `[1]`, `[{"cid":"` + good + `"},{"cid":"no"}]`, `[` + strings.Repeat(`{"cid":"`+good+`"},`, 1000) + `{"cid":"` + good + `"}]`} {
		if a := f.do(http.MethodPost, "/v2/pinning/batched-pins", token, strings.NewReader(body)); a.code != 400 {
			t.Errorf("a batch %.50s = %d %s", body, a.code, a.body)
		}
	}
	if page := f.listPins(token, "status=queued,pinning,pinned,failed"); page.Count != 0 {
		t.Errorf("left %+v", page)
	}
	// Hints that are none do no harm.
	many := []string{"nonsense", "/ip4/127.0.0.1/tcp/1"}
	for i := range 25 {
		many = append(many, strings.Replace(dead, "tcp/1", fmt.Sprint("tcp/", i+1), 1))
	}
	if p := f.pin(token, object{"cid": good, "origins": many}); !slices.Equal(p.Pin.Origins, many[2:22]) {
		t.Errorf("origins %v", p.Pin.Origins)
	}
	f.get("/pinning/pins/abc", token).wantPinError(t, "a malformed id", 400, "ERR_INVALID_INPUT", `"abc" is not an id`)
}
