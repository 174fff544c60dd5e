package remote_test

import (
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/whypfs/whypfs/accounts"
	"github.com/whypfs/whypfs/accounts/accountstest"
	"github.com/whypfs/whypfs/accounts/remote"
)

// Whatever comes as a question, even with the secret: it is answered, and no
// fault of the service comes of it.
func FuzzQuestion(f *testing.F) {
	const token = "0123456789abcdef0123456789abcdef"
	file := filepath.Join(f.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
		f.Fatal(err)
	}
	secrets, err := remote.ReadSecrets(file)
	if err != nil {
		f.Fatal(err)
	}
	s, box := accountstest.Store(f)
	a := accounts.New(s, box, accounts.Options{})
	if _, err := a.CreateUser(f.Context(), "ann", "", accounts.LevelUser); err != nil {
		f.Fatal(err)
	}
	var log strings.Builder
	h := remote.Handler(a, "id", secrets, remote.HandlerOptions{Log: slog.New(slog.NewTextHandler(&log, nil))})
	for op, in := range map[string]string{
		"user": "1", "user.name": `"ann"`, "user.list": "18446744073709551615", "user.create": `{"Name":"bob","Password":"","Level":2}`,
		"user.quota": `{"User":1,"Quota":{"Bytes":1,"Objects":-1}}`, "user.suspend": `{"User":1,"Text":["/w=="]}`,
		"token": `["",""]`, "token.create": `{"User":1,"Lifetime":9223372036854775807,"Label":"x"}`, "token.revoke": `{"User":1,"Token":"x"}`,
		"key.create": `{"User":1,"Access":"access","Secret":["//////////8="]}`, "key.secret": `"access"`,
		"login.from": `{"Name":"ann","Secret":"password","Addr":"[::1%eth0]:1"}`, "register": `{"Name":"x","Secret":"password","Code":"c","Addr":""}`,
		"audit": `{"Before":"0001-01-01T00:00:00Z","Limit":-1,"Action":"."}`, "record": `{"Action":"a","Target":"b","Detail":"c"}`,
		"user.import": `{"ID":7,"Name":"zoe","Level":2,"Tokens":[{"Hash":"x"}],"Password":{"SHA256":"00","Salt":":"}}`, "invite.list": "null",
	} {
		f.Add(op, `{"by":{"User":1,"Name":"root","From":"cli"},"in":`+in+`}`)
	}
	f.Fuzz(func(t *testing.T, op, body string) {
		r := httptest.NewRequest("POST", "/accounts/v1/x", strings.NewReader(body))
		r.URL.Path, r.URL.RawPath = "/accounts/v1/"+op, ""
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code >= 500 {
			t.Errorf("%q %q: %d, log: %s", op, body, w.Code, log.String())
		}
		var answer accounts.Answer
		if w.Code == 200 && (json.Unmarshal(w.Body.Bytes(), &answer) != nil || answer.Out == nil) {
			t.Errorf("%q %q: answer %q", op, body, w.Body)
		}
	})
}
