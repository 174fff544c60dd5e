//go:build integration

package integration

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// startAuth runs `whypfs auth` over TLS, and returns it with what nodes need to reach it.
func startAuth(t *testing.T, data string) (*server, []string) {
	t.Helper()
	cert, key := certificate(t)
	auth := (&server{t: t, data: data, ca: cert, command: func(at func(string) string) []string {
		return []string{"auth", "--data", data, "--auth-addr", at("auth"), "--tls-cert", cert, "--tls-key", key}
	}}).start()
	return auth, []string{"--auth-url", auth.addr["auth"], "--auth-secret-file", auth.addr["secret"], "--auth-ca", cert, "--dht", "off"}
}

// ask sends a request to a node's Estuary API.
func (s *server) ask(method, path, token, body string) (status int, answer string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.addr["api"]+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// as returns an S3 client of a user that tries once.
func (s *server) as(access, secret string) *minio.Client {
	s.t.Helper()
	c, err := minio.New(s.host("s3"), &minio.Options{Creds: credentials.NewStaticV4(access, secret, ""), MaxRetries: 1})
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// code is S3's code of an error.
func code(err error) string {
	if err == nil {
		return "ok"
	}
	return minio.ToErrorResponse(err).Code
}

var authToken = regexp.MustCompile(`EST[0-9a-f-]+ARY`)

// Two nodes share one `whypfs auth`: what is true at one is true at the other,
// at once; and without it both go on with what needs no account.
func TestAuth(t *testing.T) {
	auth, reach := startAuth(t, t.TempDir())
	// The order of the starts does not matter.
	auth.kill()
	a := (&server{t: t, data: t.TempDir(), args: reach, ruled: true}).start()
	b := (&server{t: t, data: t.TempDir(), args: reach, ruled: true}).start()
	if status, answer := a.ask("GET", "/viewer", "EST00000000-0000-4000-8000-000000000000ARY", ""); status != 503 {
		t.Errorf("viewer before the service is there: %d %s", status, answer)
	}
	auth.up()

	const password = "ann's own password"
	script := authToken.FindString(a.run("user", "add", "ann", "--password", password))
	login := func(at *server) (int, string) {
		status, answer := at.ask("POST", "/login", "", fmt.Sprintf(`{"username":"ann","passwordHash":%q}`, password))
		return status, authToken.FindString(answer)
	}
	status, session := login(b)
	if status != 200 || session == "" {
		t.Fatalf("login at the other node: %d", status)
	}
	access, secret := "annskey", "the secret of ann's key"
	b.run("key", "add", "--user", "ann", "--access-key", access, "--secret-key", secret)
	object := publicObject(t, a, access, secret)

	t.Run("revoked at one, refused at the other", func(t *testing.T) {
		for _, token := range []string{script, session} {
			if status, answer := b.ask("GET", "/viewer", token, ""); status != 200 {
				t.Fatalf("viewer: %d %s", status, answer)
			}
		}
		if status, answer := a.ask("DELETE", "/user/api-keys/"+script, session, ""); status != 200 {
			t.Fatalf("revoke: %d %s", status, answer)
		}
		if status, answer := b.ask("GET", "/viewer", script, ""); status != 401 {
			t.Errorf("viewer with a token that was revoked at the other node: %d %s", status, answer)
		}
		if _, err := b.as(access, secret).ListBuckets(t.Context()); code(err) != "ok" {
			t.Errorf("list buckets: %v", err)
		}
		a.run("user", "suspend", "ann", "--reason", "does not pay")
		if _, err := b.as(access, secret).ListBuckets(t.Context()); code(err) != "AccountProblem" {
			t.Errorf("list buckets of who was suspended at the other node: %v", err)
		}
		if status, answer := b.ask("GET", "/viewer", session, ""); status != 403 || !strings.Contains(answer, "does not pay") {
			t.Errorf("viewer of who was suspended at the other node: %d %s", status, answer)
		}
		b.run("user", "unsuspend", "ann")
	})
	t.Run("without the service", func(t *testing.T) {
		auth.kill()
		withoutAuth(t, a, object, access, secret, session)
		auth.up()
		for _, node := range []*server{a, b} {
			if _, err := node.as(access, secret).ListBuckets(t.Context()); code(err) != "ok" {
				t.Errorf("list buckets after the service came back: %v", err)
			}
			if status, answer := node.ask("GET", "/viewer", session, ""); status != 200 {
				t.Errorf("viewer after the service came back: %d %s", status, answer)
			}
			if status, _ := node.ask("GET", "/viewer", script, ""); status != 401 {
				t.Errorf("viewer with the revoked token after the service came back: %d", status)
			}
		}
	})
	t.Run("each in its place", func(t *testing.T) { wrongPlaces(t, auth, b, reach) })
	t.Run("no secret in a log", func(t *testing.T) {
		shared, err := os.ReadFile(auth.addr["secret"])
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range []*server{auth, a, b} {
			log := s.log.tail(1 << 20)
			for _, hush := range []string{password, secret, secretKey, script, session, strings.TrimSpace(string(shared))} {
				if strings.Contains(log, hush) {
					t.Errorf("the log of %v has the secret %.6s…", s.cmd.Args[1], hush)
				}
			}
		}
	})
}

// publicObject stores an object that anybody may read, and returns its CID.
func publicObject(t *testing.T, s *server, access, secret string) string {
	t.Helper()
	c := s.as(access, secret)
	if err := c.MakeBucket(t.Context(), "open", minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.PutObject(t.Context(), "open", "key", strings.NewReader("for all"), 7, minio.PutObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::open/*"}]}`
	if err := c.SetBucketPolicy(t.Context(), "open", policy); err != nil {
		t.Fatal(err)
	}
	info, err := c.StatObject(t.Context(), "open", "key", minio.StatObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return info.UserMetadata["Cid"]
}

// withoutAuth looks at a node whose authorization service is gone.
func withoutAuth(t *testing.T, s *server, cid, access, secret, token string) {
	if _, err := s.as(access, secret).ListBuckets(t.Context()); code(err) != "ServiceUnavailable" {
		t.Errorf("list buckets: %v", err)
	}
	if status, answer := s.ask("GET", "/viewer", token, ""); status != 503 || !strings.Contains(answer, "not available") {
		t.Errorf("viewer: %d %s", status, answer)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar}
	res, err := browser.PostForm(s.addr["web"]+"login", url.Values{"name": {access}, "password": {secret}})
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	page, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != 503 || !bytes.Contains(page, []byte("not available")) {
		t.Errorf("login page: %d %s, %v", res.StatusCode, page, err)
	}
	// What needs no account goes on.
	if got, err := s.gateway(http.DefaultClient, "/ipfs/"+cid); err != nil || string(got) != "for all" {
		t.Errorf("gateway: %q, %v", got, err)
	}
	anybody, err := http.Get(s.addr["s3"] + "/open/key")
	if err != nil {
		t.Fatal(err)
	}
	defer anybody.Body.Close()
	if got, err := io.ReadAll(anybody.Body); err != nil || string(got) != "for all" {
		t.Errorf("anonymous GET: %s %q, %v", anybody.Status, got, err)
	}
	if status, answer := s.ask("GET", "/readyz", "", ""); status != 200 || !strings.Contains(answer, "accounts: the authorization service is not available") {
		t.Errorf("readyz: %d %s", status, answer)
	}
}

// wrongPlaces tries to run things on data directories that are not theirs.
func wrongPlaces(t *testing.T, auth, b *server, reach []string) {
	refused := func(want string, env []string, args ...string) {
		t.Helper()
		cmd := exec.Command(binary, args...)
		cmd.Env = append(os.Environ(), env...)
		if out, err := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() == 0 || !strings.Contains(string(out), want) {
			t.Errorf("whypfs %v: %v, %q does not say %q", args, err, out, want)
		}
	}
	refused("has only accounts", nil, "bucket", "ls", "--data", auth.data)
	refused("has only accounts", nil, "user", "recount", "--data", auth.data)
	b.stop()
	node := []string{"--s3-addr", "127.0.0.1:0", "--api-addr", "127.0.0.1:0", "--gateway-addr", "127.0.0.1:0", "--libp2p-addr", "/ip4/127.0.0.1/tcp/0", "--dht", "off"}
	refused("--auth-url", nil, append([]string{"up", "--data", b.data}, node...)...)
	refused("data directory of a node", nil, "auth", "--data", b.data, "--auth-addr", "127.0.0.1:0")
	refused("WHYPFS_AUTH_URL", nil, "user", "ls", "--data", b.data)
	// A command on a node that does not run asks the service too.
	cmd := exec.Command(binary, "user", "ls", "--data", b.data)
	cmd.Env = append(os.Environ(), "WHYPFS_AUTH_URL="+reach[1], "WHYPFS_AUTH_SECRET_FILE="+reach[3], "WHYPFS_AUTH_CA="+reach[5])
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "ann") {
		t.Errorf("user ls: %v, %s", err, out)
	}
	if users := list[struct{ Name string }](auth, "user", "ls"); len(users) != 2 || users[1].Name != "ann" {
		t.Errorf("user ls at the service: %+v", users)
	}
	// Accounts with another id are other people's, whoever knows the secret.
	shared := filepath.Join(t.TempDir(), "secret")
	text, err := os.ReadFile(reach[3])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(shared, text, 0o600); err != nil {
		t.Fatal(err)
	}
	other, reachOther := startAuth(t, t.TempDir())
	other.kill()
	other.args = []string{"--auth-secret-file", shared}
	other.up()
	cmd = exec.Command(binary, "user", "ls", "--data", b.data)
	cmd.Env = append(os.Environ(), "WHYPFS_AUTH_URL="+other.addr["auth"], "WHYPFS_AUTH_SECRET_FILE="+shared, "WHYPFS_AUTH_CA="+reachOther[5])
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "other accounts") {
		t.Errorf("user ls at other accounts: %v, %s", err, out)
	}
}

// A node that has users brings them into a service, and goes on with them.
func TestAuthTake(t *testing.T) {
	node := start(t, t.TempDir(), "--dht", "off")
	token := authToken.FindString(node.run("user", "add", "ann"))
	access, secret := "annskey", "the secret of ann's key"
	node.run("key", "add", "--user", "ann", "--access-key", access, "--secret-key", secret)
	cid := publicObject(t, node, access, secret)
	data := t.TempDir()
	take := func() (string, error) {
		out, err := exec.Command(binary, "auth", "take", node.data, "--data", data).CombinedOutput()
		return string(out), err
	}
	if out, err := take(); err == nil || !strings.Contains(out, "in use") {
		t.Errorf("take from a node that runs: %v, %s", err, out)
	}
	node.stop()
	if out, err := take(); err != nil || !strings.Contains(out, "moved 2 users") {
		t.Fatalf("take: %v, %s", err, out)
	}
	auth, reach := startAuth(t, data)
	node.args, node.ruled = reach, true
	node.up()
	if status, answer := node.ask("GET", "/viewer", token, ""); status != 200 || !strings.Contains(answer, `"ann"`) {
		t.Errorf("viewer: %d %s", status, answer)
	}
	c := node.as(access, secret)
	info, err := c.StatObject(t.Context(), "open", "key", minio.StatObjectOptions{})
	if err != nil || info.UserMetadata["Cid"] != cid {
		t.Errorf("StatObject = %+v, %v", info, err)
	}
	if _, err := c.PutObject(t.Context(), "open", "more", strings.NewReader("more"), 4, minio.PutObjectOptions{}); err != nil {
		t.Errorf("PutObject = %v", err)
	}
	if users := list[struct{ Name string }](auth, "user", "ls"); len(users) != 2 {
		t.Errorf("users of the service: %+v", users)
	}
}
