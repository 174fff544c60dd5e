package estuaryapi_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/estuaryapi"
)

// What V1's pages send for the passwords "password1" and "correct horse battery
// staple", and what they sent for the first in their first year.
const (
	hashOfPassword1    = "$2a$08$r31MZDLMLVcHAUfrePT2H.0z6OislUPHYqP3cVkUqCHqvMk7ubKj."
	hashOfHorse        = "$2a$08$r31MZDLMLVcHAUfrePT2H.yI3ftsMl3PQUtjdi4W53PW4ghBMSc9i"
	oldHashOfPassword1 = "$2a$08$r31MZDLMLVcHAUfrePT2H.5SFmMOTsE2WTJ760G33UeCsBrtg.rHe"
)

func body(format string, args ...any) io.Reader {
	return strings.NewReader(fmt.Sprintf(format, args...))
}

// post sends JSON without saying so, as V1 did not look at the type.
func (f *fixture) postText(path, token, format string, args ...any) answer {
	f.t.Helper()
	return f.do(http.MethodPost, path, token, body(format, args...))
}

func (f *fixture) putText(path, token, format string, args ...any) answer {
	f.t.Helper()
	return f.do(http.MethodPut, path, token, body(format, args...))
}

type newSession struct {
	Token  string
	Expiry time.Time
}

func TestRegisterAndLogin(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	_, admin := f.user("root", accounts.LevelAdmin, 0)
	for _, code := range []string{"first", "second"} {
		if a := f.do(http.MethodPost, "/admin/invite/"+code, admin, nil); a.code != 200 || a.body != `{"code":"`+code+`"}`+"\n" {
			t.Fatalf("invite: %d %s", a.code, a.body)
		}
	}
	register := func(name, code string) answer {
		return f.postText("/register", "", `{"username":%q,"passwordHash":%q,"inviteCode":%q}`, name, hashOfPassword1, code)
	}
	login := func(name, hash string) answer {
		return f.postText("/login", "", `{"username":%q,"passwordHash":%q}`, name, hash)
	}
	register("ann", "third").wantError(t, "unknown invite", 404, "ERR_INVALID_INVITE", "no such invite code was found")
	a := register("Ann", "first")
	wantShape(t, "register", a.body, "{expiry:string token:string}")
	s := decode[newSession](t, a)
	if left := time.Until(s.Expiry); left > 7*24*time.Hour || left < 7*24*time.Hour-time.Minute {
		t.Errorf("the first session ends in %v, want a week", left)
	}
	register("bob", "first").wantError(t, "used invite", 400, "ERR_INVITE_ALREADY_USED", "the invite code was used already")
	register("ANN", "second").wantError(t, "taken name", 400, "ERR_USERNAME_TAKEN", "username already exist")
	register("a b", "second").wantError(t, "bad name", 400, "ERR_INVALID_INPUT", "invalid account data: a username has 1 to 48 of the characters a-z and 0-9")
	f.postText("/register", "", `{"username":`).wantError(t, "cut body", 400, "ERR_INVALID_INPUT",
		"one or more params has an invalid data type or not supported: unexpected EOF")
	if a := f.get("/viewer", s.Token); a.code != 200 || !a.has(`"username":"ann"`) {
		t.Errorf("viewer: %d %s", a.code, a.body)
	}
	for _, secret := range []string{hashOfPassword1, "password1"} {
		a := login("ann", secret)
		wantShape(t, "login", a.body, "{expiry:string token:string}")
		s := decode[newSession](t, a)
		if left := time.Until(s.Expiry); left > 30*24*time.Hour || left < 30*24*time.Hour-time.Minute {
			t.Errorf("a session ends in %v, want 30 days", left)
		}
		if a := f.get("/user/api-keys", s.Token); !a.has(`"label":"on-register"`) || !a.has(`"label":"on-login"`) || !a.has(`"isSession":true`) {
			t.Errorf("keys: %s", a.body)
		}
	}
	login("bob", hashOfPassword1).wantError(t, "unknown name", 403, "ERR_USER_NOT_FOUND", "no such user exist")
	login("ann", hashOfHorse).wantError(t, "wrong password", 403, "ERR_INVALID_PASSWORD", "")
	f.postText("/login", "", `{"username":7}`).wantError(t, "a name that is none", 400, "ERR_INVALID_INPUT",
		"one or more params has an invalid data type or not supported: json: cannot unmarshal number into Go struct field credentials.username of type string")
	for range 9 {
		login("ann", oldHashOfPassword1)
	}
	late := login("ann", hashOfPassword1)
	if late.code != 429 || !late.has(`"reason":"Too Many Requests"`) || late.header.Get("Retry-After") == "" {
		t.Errorf("after ten wrong passwords: %d %v %s", late.code, late.header, late.body)
	}
	a = f.get("/admin/invites", admin)
	wantShape(t, "invites", a.body, "[{claimedBy:string code:string createdAt:string createdBy:string}]")
	type invite struct{ Code, CreatedBy, ClaimedBy string }
	if list := decode[[]invite](t, a); len(list) != 2 || list[1] != (invite{"first", "root", "ann"}) || list[0] != (invite{"second", "root", ""}) {
		t.Errorf("invites %+v", list)
	}
	f.do(http.MethodPost, "/admin/invites/first", admin, nil).wantError(t, "taken code", 409, "ERR_BAD_REQUEST", "there is an invite with this code already")
	if strings.Contains(f.log.String(), "$2a$") || strings.Contains(f.log.String(), "EST") {
		t.Errorf("the log has a secret: %s", f.log)
	}
}

type key struct {
	Token, TokenHash, Label string
	Expiry                  time.Time
	IsSession               bool
}

func TestAPIKeys(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	u, token := f.user("ann", accounts.LevelUser, 0)
	_, other := f.user("bob", accounts.LevelUser, 0)
	const shapeOfKey = "{expiry:string isSession:bool label:string token:string tokenHash:string}"
	create := func(with, query string) key {
		t.Helper()
		a := f.do(http.MethodPost, "/user/api-keys"+query, with, nil)
		wantShape(t, "new key", a.body, shapeOfKey)
		return decode[key](t, a)
	}
	lives := func(k key, want time.Duration) {
		t.Helper()
		if left := time.Until(k.Expiry); left > want || left < want-time.Minute {
			t.Errorf("a key ends in %v, want %v", left, want)
		}
	}
	plain := create(token, "")
	lives(plain, 30*24*time.Hour)
	forever := create(token, "?expiry=false&perms=all&label="+url.QueryEscape("for cron"))
	lives(forever, 100*365*24*time.Hour)
	upload := create(token, "?expiry=1h30m&perms=upload")
	lives(upload, 90*time.Minute)
	if forever.Label != "for cron" || forever.IsSession || forever.TokenHash != accounts.TokenHash(forever.Token) {
		t.Errorf("key %+v", forever)
	}
	if a := f.get("/viewer", upload.Token); a.code != 200 {
		t.Errorf("viewer with the upload-only key: %d", a.code)
	}
	f.get("/user/api-keys", upload.Token).wantError(t, "upload-only key", 403, "ERR_NOT_AUTHORIZED", "api key is upload only")
	for query, details := range map[string]string{
		"?perms=admin":                       `perms: "admin" is not one of all, upload`,
		"?expiry=1":                          `expiry: "1" is not a duration like 24h, or false for a key that does not expire`,
		"?expiry=-1h":                        `expiry: "-1h" is not a duration like 24h, or false for a key that does not expire`,
		"?expiry=300000h0m0s1x":              `expiry: "300000h0m0s1x" is not a duration like 24h, or false for a key that does not expire`,
		"?label=" + strings.Repeat("x", 256): "invalid account data: a label has at most 255 bytes of UTF-8",
	} {
		f.do(http.MethodPost, "/user/api-keys"+query, token, nil).wantError(t, query, 400, "ERR_INVALID_INPUT", details)
	}
	a := f.get("/user/api-keys", token)
	wantShape(t, "keys", a.body, "["+shapeOfKey+"]")
	list := decode[[]key](t, a)
	if len(list) != 4 || list[2].Label != "for cron" || list[2].Token != "" || list[2].TokenHash != forever.TokenHash {
		t.Errorf("keys %+v", list)
	}
	// By another user, unknown, then by token and by hash.
	for _, step := range []struct{ with, name string }{{other, forever.Token}, {token, "nothing"}, {token, forever.Token}, {token, plain.TokenHash}} {
		if a := f.do(http.MethodDelete, "/user/api-keys/"+step.name, step.with, nil); a.code != 200 || a.body != "" {
			t.Errorf("delete of %s: %d %q", step.name, a.code, a.body)
		}
		if a := f.get("/viewer", forever.Token); step.with == other && a.code != 200 {
			t.Errorf("another user ended a key: %d", a.code)
		}
	}
	for _, k := range []key{forever, plain} {
		f.get("/viewer", k.Token).wantError(t, "revoked", 401, "ERR_INVALID_TOKEN", "api key does not exist")
	}
	// A user's key of an admin makes no admin's key.
	root, _ := f.user("root", accounts.LevelAdmin, 0)
	low := f.token(root, accounts.TokenSpec{Level: accounts.LevelUser})
	f.get("/admin/invites", create(low, "?perms=all").Token).wantError(t, "raised key", 403, "ERR_NOT_AUTHORIZED", "user not authorized")
	if all, err := f.accounts.Tokens(t.Context(), u.ID); err != nil || len(all) != 2 {
		t.Errorf("%d tokens are left, %v; want the first and the upload-only one", len(all), err)
	}
}

func TestPasswordAndAddress(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	u, err := f.accounts.CreateUser(t.Context(), "ann", "password1", accounts.LevelUser)
	if err != nil {
		t.Fatal(err)
	}
	login := func(secret string) answer {
		return f.postText("/login", "", `{"username":"ann","passwordHash":%q}`, secret)
	}
	mine, stolen := decode[newSession](t, login(hashOfPassword1)).Token, decode[newSession](t, login("password1")).Token
	script := f.token(u, accounts.TokenSpec{})
	if a := f.putText("/user/password", mine, `{"newPasswordHash":%q}`, hashOfHorse); a.code != 200 || a.body != "{}\n" {
		t.Errorf("password: %d %s", a.code, a.body)
	}
	for token, want := range map[string]int{mine: 200, script: 200, stolen: 401} {
		if a := f.get("/viewer", token); a.code != want {
			t.Errorf("after the change: %d %s, want %d", a.code, a.body, want)
		}
	}
	login(hashOfPassword1).wantError(t, "old password", 403, "ERR_INVALID_PASSWORD", "")
	if a := login("correct horse battery staple"); a.code != 200 {
		t.Errorf("new password: %d %s", a.code, a.body)
	}
	f.putText("/user/password", mine, `{}`).wantError(t, "no password", 400, "ERR_INVALID_INPUT", "invalid account data: a password has 8 to 1024 characters")

	const addr = "f1abjxfbp274xpdqcpuaykwkfb43omjotacm2p3za"
	if a := f.putText("/user/address", mine, `{"address":%q}`, addr); a.code != 200 || a.body != "{}\n" {
		t.Errorf("address: %d %s", a.code, a.body)
	}
	if a := f.get("/viewer", mine); !a.has(`"address":"` + addr + `"`) {
		t.Errorf("viewer: %s", a.body)
	}
	for _, bad := range []string{"", "x", addr[:len(addr)-1] + "b", strings.Repeat("f1", 1000)} {
		f.putText("/user/address", mine, `{"address":%q}`, bad).wantError(t, bad, 401, "invalid address in request body", "the address is none on Filecoin")
	}
}

func TestExport(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	_, token := f.user("ann", accounts.LevelUser, 0)
	_, other := f.user("bob", accounts.LevelUser, 0)
	type export struct {
		Version  string
		Date     time.Time
		Version1 struct {
			Contents []struct {
				ID     uint64
				CID    string
				UserID uint64
			}
			Deals []any
		}
	}
	a := f.get("/user/export", token)
	if want := `"Version1":{"Contents":[],"Deals":[]}}` + "\n"; a.code != 200 || !strings.HasSuffix(a.body, want) {
		t.Errorf("export of nothing: %d %s", a.code, a.body)
	}
	f.add(other, "c.txt", "another's")
	one, two := f.add(token, "a.txt", "one"), f.add(token, "b.txt", "two")
	e := decode[export](t, f.get("/user/export", token))
	list := e.Version1.Contents
	if e.Version != "v0.0.1" || e.Date.IsZero() || len(list) != 2 || list[0].ID != two.ID || list[1].ID != one.ID || list[1].CID != one.CID || list[0].UserID != 1 {
		t.Errorf("export %+v", e)
	}
}

func TestSuspendUser(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	_, admin := f.user("root", accounts.LevelAdmin, 0)
	u, token := f.user("ann", accounts.LevelUser, 0)
	if err := f.accounts.SetPassword(t.Context(), u.ID, "password1"); err != nil {
		t.Fatal(err)
	}
	f.postText("/admin/users/nobody/suspend", admin, `{"reason":"x"}`).wantError(t, "nobody", 404, "ERR_USER_NOT_FOUND", "no such user exist")
	f.postText("/admin/users/ann/suspend", admin, `{}`).wantError(t, "no reason", 400, "ERR_INVALID_INPUT",
		"invalid account data: a suspension has a reason of at most 255 bytes of UTF-8")
	if a := f.postText("/admin/users/ann/suspend", admin, `{"reason":"does not pay"}`); a.code != 200 || a.body != "{}\n" {
		t.Errorf("suspend: %d %s", a.code, a.body)
	}
	f.get("/viewer", token).wantError(t, "key", 403, "ERR_NOT_AUTHORIZED", "account is suspended: does not pay")
	f.postText("/login", "", `{"username":"ann","passwordHash":%q}`, hashOfPassword1).
		wantError(t, "login", 403, "ERR_NOT_AUTHORIZED", "account is suspended: does not pay")
	if a := f.do(http.MethodPut, "/admin/users/ann/unsuspend", admin, nil); a.code != 200 {
		t.Errorf("unsuspend: %d %s", a.code, a.body)
	}
	if a := f.get("/viewer", token); a.code != 200 {
		t.Errorf("viewer: %d %s", a.code, a.body)
	}
	a := f.get("/admin/audit?who=root&action=user.", admin)
	wantShape(t, "audit", a.body, "[{action:string detail:string from:string target:string time:string userId:float who:string}]")
	var log []struct{ Action, Target, Detail, From string }
	if err := json.Unmarshal([]byte(a.body), &log); err != nil || len(log) != 2 || log[0].Action != "user.unsuspend" ||
		log[1].Action != "user.suspend" || log[1].Target != "ann" || log[1].Detail != "does not pay" || log[1].From != "127.0.0.1" {
		t.Errorf("audit log %+v, %v", log, err)
	}
	f.get("/admin/audit?limit=1001", admin).wantError(t, "limit", 400, "ERR_INVALID_INPUT", `limit: "1001" is not a number from 1 to 1000`)
}

func TestQuota(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	_, admin := f.user("root", accounts.LevelAdmin, 0)
	_, token := f.user("ann", accounts.LevelUser, 0)
	f.add(token, "a.txt", "0123456789")
	stats := f.get("/user/stats", token)
	if stats.body != `{"totalSize":10,"numPins":1,"quotaBytes":0,"quotaObjects":0}`+"\n" {
		t.Errorf("stats: %s", stats.body)
	}
	if a := f.putText("/admin/users/ann/quota", admin, `{"bytes":15}`); a.code != 200 || a.body != "{}\n" {
		t.Errorf("quota: %d %s", a.code, a.body)
	}
	f.send("/content/add", token, part{"data", "b.txt", "", "0123456789"}).wantError(t, "too much", 400, "ERR_CONTENT_SIZE_OVER_LIMIT",
		"quota exceeded: there is room for 5 B; delete contents that are not needed, or ask an admin of this node for a larger quota")
	f.add(token, "c.txt", "12345")
	if a := f.putText("/admin/users/ann/quota", admin, `{"objects":2}`); a.code != 200 {
		t.Errorf("quota: %d %s", a.code, a.body)
	}
	f.send("/content/add", token, part{"data", "d.txt", "", ""}).wantError(t, "too many", 400, "ERR_CONTENT_SIZE_OVER_LIMIT",
		"quota exceeded: 2 of 2 contents are there, and this needs 1 more; delete contents that are not needed, or ask an admin of this node for a larger quota")
	a := f.get("/admin/users", admin)
	wantShape(t, "users", a.body, "[{id:float numFiles:float perms:float quotaBytes:float quotaObjects:float spaceUsed:float suspended:string username:string}]")
	if !a.has(`{"id":2,"username":"ann","spaceUsed":15,"numFiles":2,"perms":2,"quotaBytes":15,"quotaObjects":2,"suspended":""}`) {
		t.Errorf("users: %s", a.body)
	}
	over := f.postText("/pinning/pins", token, `{"cid":"bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"}`)
	if over.code != 400 || !over.has(`{"error":{"reason":"ERR_CONTENT_SIZE_OVER_LIMIT","details":"quota exceeded: 2 of 2 contents are there`) {
		t.Errorf("pin: %d %s", over.code, over.body)
	}
	for _, bad := range []string{`{}`, `{"bytes":1,"default":true}`} {
		f.putText("/admin/users/ann/quota", admin, "%s", bad).wantError(t, bad, 400, "ERR_INVALID_INPUT", "give bytes, objects or both, or default: true")
	}
	f.putText("/admin/users/ann/quota", admin, `{"bytes":-1}`).wantError(t, "negative", 400, "ERR_INVALID_INPUT", "invalid account data: a quota of -1 bytes and 2 objects")
	if a := f.putText("/admin/users/ann/quota", admin, `{"default":true}`); a.code != 200 {
		t.Errorf("quota: %d %s", a.code, a.body)
	}
	f.add(token, "d.txt", "more")
}
