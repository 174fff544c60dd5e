package estuaryapi_test

import (
	"encoding/hex"
	"net/http"
	"testing"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/deals/sandbox"
	"github.com/whypfs/whypfs/estuaryapi"
)

// A provider is claimed with its worker's key on a real chain, then named,
// suspended and let in again by its owner alone.
func TestProviderClaim(t *testing.T) {
	f := newMarket(t, publish, 2, 0)
	_, token := f.user("ann", accounts.LevelUser, 0)
	_, other := f.user("bob", accounts.LevelUser, 0)
	const sp = "f01000"
	a := f.get("/user/miner/claim/"+sp, token)
	wantShape(t, "message", a.body, "{hexmsg:string}")
	message, err := hex.DecodeString(decode[struct{ HexMsg string }](t, a).HexMsg)
	if err != nil || string(message) != "---- user 1 owns miner f01000 ----" {
		t.Errorf("message %q, %v", message, err)
	}
	f.get("/user/miner/claim/f1x", token).wantError(t, "no address", 400, "ERR_INVALID_INPUT", "no address of a provider, such as f01234")
	sign := func(provider, message string) string {
		t.Helper()
		sig, err := f.market.SignByWorker(provider, []byte(message))
		if err != nil {
			t.Fatal(err)
		}
		return hex.EncodeToString(sig)
	}
	claim := func(token, provider, sig string) answer {
		t.Helper()
		return f.postText("/user/miner/claim", token, `{"miner":%q,"claim":%q,"name":"Ann's"}`, provider, sig)
	}
	const wrong = "the signature is not one of the provider's worker over the message"
	good := sign(sp, string(message))
	for name, sig := range map[string]string{"no hex": "xyz", "empty": "", "short": "01", "noise": "01" + hex.EncodeToString(make([]byte, 65)),
		"another provider's": sign("f01001", string(message)), "another user's": sign(sp, "---- user 2 owns miner f01000 ----"), "another type": "02" + good[2:]} {
		claim(token, sp, sig).wantError(t, name, 400, "ERR_INVALID_MINER_CLAIM_SIG", wrong)
	}
	claim(token, "f09999", good).wantError(t, "not on chain", 400, "ERR_INVALID_MINER_SETUP", "the chain knows no such provider")
	claim(other, sp, good).wantError(t, "whose signature", 400, "ERR_INVALID_MINER_CLAIM_SIG", wrong)
	claim(token, sp, good).wantError(t, "price", 400, "ERR_INVALID_MINER_CLAIM_ASK_VERIFIED_PRICE_IS_NOT_ZERO", "the provider's price for verified deals is not zero")
	if err := f.market.SetAsk(sp, sandbox.Ask{Price: 1, MinPiece: 1 << 20, MaxPiece: 32 << 30}); err != nil {
		t.Fatal(err)
	}
	f.postText("/user/miner/suspend/"+sp, token, `{"reason":"x"}`).wantError(t, "before the claim", 404, "ERR_RECORD_NOT_FOUND", "miner: f01000 was not found")
	if a := claim(token, sp, good); a.code != 200 || a.body != `{"success":true}`+"\n" {
		t.Fatalf("claim: %d %s", a.code, a.body)
	}
	if a := f.get("/viewer", token); !a.has(`"miners":["f01000"]`) {
		t.Errorf("viewer: %s", a.body)
	}
	f.postText("/user/miner/suspend/"+sp, other, `{"reason":"x"}`).wantError(t, "another's", 401, "ERR_MINER_NOT_OWNED", "user does not own this miner")
	registered := func(name, suspended string) {
		t.Helper()
		if r, err := f.deals.Registration(t.Context(), sp); err != nil || r.Name != name || r.Suspended != suspended || r.User != 1 {
			t.Errorf("registered is %+v, %v, want %q, suspended %q", r, err, name, suspended)
		}
	}
	registered("Ann's", "")
	for _, step := range []struct {
		method, path, body, name, suspended string
	}{
		{http.MethodPut, "/user/miner/set-info/", `{"name":"new"}`, "new", ""},
		{http.MethodPost, "/user/miner/suspend/", `{"reason":"moves house"}`, "new", "moves house"},
		{http.MethodPut, "/user/miner/unsuspend/", "", "new", ""},
		{http.MethodPost, "/miner/suspend/", `{}`, "new", "its owner wants it to get no deals"},
		{http.MethodPut, "/miner/unsuspend/", "", "new", ""},
		{http.MethodPut, "/miner/set-info/", `{"name":"old"}`, "old", ""},
	} {
		if a := f.do(step.method, step.path+sp, token, body("%s", step.body)); a.code != 200 || a.body != "{}\n" {
			t.Errorf("%s: %d %s", step.path, a.code, a.body)
		}
		registered(step.name, step.suspended)
	}
	if err := f.deals.SuspendProvider(t.Context(), sp, "slow", true); err != nil {
		t.Fatal(err)
	}
	f.do(http.MethodPut, "/user/miner/unsuspend/"+sp, token, nil).wantError(t, "an admin's", 403, "ERR_NOT_AUTHORIZED", "an admin suspended this miner")
	f.postText("/user/miner/suspend/"+sp, token, `{}`).wantError(t, "an admin's", 403, "ERR_NOT_AUTHORIZED", "an admin suspended this miner")
	registered("old", "slow")
	// Sold: its worker signs for someone else.
	if a := claim(other, sp, sign(sp, "---- user 2 owns miner f01000 ----")); a.code != 200 {
		t.Errorf("claim by the next owner: %d %s", a.code, a.body)
	}
	f.do(http.MethodPut, "/user/miner/unsuspend/"+sp, token, nil).wantError(t, "once his", 401, "ERR_MINER_NOT_OWNED", "user does not own this miner")
}

// A node without a chain says so.
func TestProviderClaimWithoutChain(t *testing.T) {
	f := newTest(t, publish, estuaryapi.Options{})
	_, token := f.user("ann", accounts.LevelUser, 0)
	f.postText("/miner/claim", token, `{"miner":"f01000","claim":"0100"}`).wantError(t, "no chain", 503, "ERR_INTERNAL_SERVER", "the chain cannot be asked at the moment")
	if a := f.get("/miner/claim/f01000", token); a.code != 200 {
		t.Errorf("message: %d %s", a.code, a.body)
	}
}
