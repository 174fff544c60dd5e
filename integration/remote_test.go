//go:build integration

package integration

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	remote "github.com/whypfs/whypfs/client"
)

// A person is somebody with the client commands, and a folder for what they keep.
type person struct {
	t      *testing.T
	config string
}

// login makes the admin of a node, and a user who has logged in as he.
func (s *server) login() *person {
	s.t.Helper()
	u := &person{s.t, s.t.TempDir()}
	u.run("login", s.addr["api"], s.setup(), "--name", "node")
	return u
}

func (u *person) command(args ...string) *exec.Cmd {
	cmd := exec.Command(binary, args...)
	cmd.Env = append(os.Environ(), "XDG_CONFIG_HOME="+u.config)
	return cmd
}

// try runs a command and returns what it printed, and its exit code.
func (u *person) try(args ...string) (out, errs string, code int) {
	u.t.Helper()
	cmd := u.command(args...)
	var o, e bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &e
	if err := cmd.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		u.t.Fatal(err)
	}
	return o.String(), e.String(), cmd.ProcessState.ExitCode()
}

func (u *person) run(args ...string) string {
	u.t.Helper()
	out, errs, code := u.try(args...)
	if code != 0 {
		u.t.Fatalf("whypfs %s: exit code %d\n%s%s", strings.Join(args, " "), code, out, errs)
	}
	return out
}

// asks decodes the JSON that a command prints.
func asks[T any](u *person, args ...string) (v T) {
	u.t.Helper()
	text := u.run(append(args, "--json")...)
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		u.t.Fatalf("whypfs %s --json: %v in %s", strings.Join(args, " "), err, text)
	}
	return v
}

func (u *person) fails(code int, args ...string) {
	u.t.Helper()
	if out, errs, got := u.try(args...); got != code {
		u.t.Errorf("whypfs %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), got, code, out, errs)
	}
}

// fill writes files of random bytes.
func fill(t *testing.T, dir string, sizes map[string]int) {
	t.Helper()
	for name, size := range sizes {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		seed := uint64(size)
		for _, c := range name {
			seed = seed*31 + uint64(c)
		}
		b := make([]byte, size)
		random(seed).Read(b)
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// equalDirs compares the files of two directories.
func equalDirs(t *testing.T, a, b string) {
	t.Helper()
	for _, pair := range [][2]string{{a, b}, {b, a}} {
		err := filepath.WalkDir(pair[0], func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			rel, err := filepath.Rel(pair[0], path)
			if err != nil {
				return err
			}
			one, errOne := os.ReadFile(path)
			two, errTwo := os.ReadFile(filepath.Join(pair[1], rel))
			if err := errors.Join(errOne, errTwo); err != nil || !bytes.Equal(one, two) {
				t.Errorf("%s: %d and %d bytes, %v", rel, len(one), len(two), err)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// The commands that talk to a host do what docs/client.md says, with one content.
func TestRemote(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir())
	u := s.login()
	dir := t.TempDir()
	fill(t, dir, map[string]int{"film": 3<<20 + 7})
	film := filepath.Join(dir, "film")

	put := asks[remote.Result](u, "put", film, "--name", "a film.mp4")
	if put.Size != 3<<20+7 || put.Name != "a film.mp4" || put.Files != 1 || !put.CID.Defined() {
		t.Errorf("put = %+v", put)
	}
	id := strconv.FormatUint(put.ID, 10)
	if got, err := s.gateway(http.DefaultClient, "/ipfs/"+put.CID.String()); err != nil || len(got) != 3<<20+7 {
		t.Errorf("the gateway: %d bytes, %v", len(got), err)
	}
	contents := asks[[]remote.Content](u, "ls", "--contents")
	if len(contents) != 1 || contents[0].ID != put.ID || contents[0].Name != put.Name || contents[0].Status != "pinned" {
		t.Errorf("ls --contents = %+v", contents)
	}
	for _, ref := range []string{id, put.CID.String()} {
		status := asks[[]remote.Status](u, "status", ref)
		if len(status) != 1 || status[0].Content.ID != put.ID {
			t.Errorf("status %s = %+v", ref, status)
		}
		link := strings.TrimSpace(u.run("share", ref))
		res, err := http.Get(link)
		if err != nil || res.StatusCode != http.StatusOK || res.ContentLength != put.Size {
			t.Errorf("share %s = %q: %v, %v", ref, link, res, err)
		}
		res.Body.Close()
		to := filepath.Join(dir, "got "+ref)
		u.run("get", ref, "-o", to)
		one, _ := os.ReadFile(film)
		two, err := os.ReadFile(to)
		if err != nil || !bytes.Equal(one, two) || u.run("get", ref, "-o", "-") != string(one) {
			t.Errorf("get %s: %d bytes, %v", ref, len(two), err)
		}
	}
	pipe := u.command("put", "-", "--name", "piped", "--json")
	pipe.Stdin = strings.NewReader("from a pipe")
	if out, err := pipe.Output(); err != nil || !strings.Contains(string(out), `"size": 11`) {
		t.Errorf("put of a pipe: %s, %v", out, err)
	}
	u.run("rm", id)
	u.fails(3, "status", id)
	u.fails(3, "get", id)
	u.fails(2, "get")
	u.fails(2, "put", film, "--dir", "/x")
	u.fails(1, "put", filepath.Join(dir, "none"))
	if out, errs, _ := u.try("put", film); strings.Contains(errs, "\r") || !strings.HasPrefix(out, put.CID.String()+"\t") {
		t.Errorf("put in a pipe prints %q and %q", out, errs)
	}
}

// Hosts are kept by name, their tokens where nobody else reads them.
func TestRemoteLogin(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir())
	u := s.login()
	_, token, _ := strings.Cut(strings.TrimSpace(s.run("user", "add", "bob")), "Auth Token: ")
	login := u.command("login", s.addr["api"], "--name", "as bob")
	login.Stdin = strings.NewReader(token + "\n")
	if out, err := login.CombinedOutput(); err != nil || strings.Contains(string(out), token) {
		t.Fatalf("login with the token on standard input: %s, %v", out, err)
	}
	text := u.run("host", "ls", "--json")
	if strings.Contains(text, token) || !strings.Contains(text, `"as bob"`) || !strings.Contains(text, `"node"`) {
		t.Errorf("host ls = %s", text)
	}
	err := filepath.WalkDir(u.config, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if info, err := d.Info(); err != nil || path != u.config && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v, %v", path, info.Mode(), err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	dir := t.TempDir()
	fill(t, dir, map[string]int{"f": 10})
	u.run("put", filepath.Join(dir, "f"))
	if list := asks[[]remote.Content](u, "ls", "--contents", "--host", "node"); len(list) != 0 {
		t.Errorf("bob's upload is the admin's: %+v", list)
	}
	u.run("host", "use", "node")
	if list := asks[[]remote.Content](u, "ls", "--contents"); len(list) != 0 {
		t.Errorf("the default is not the admin's: %+v", list)
	}
	u.run("logout", "as bob")
	u.fails(2, "ls", "--host", "as bob")
	u.fails(4, "login", s.addr["api"], "EST00000000-0000-4000-8000-000000000000ARY")
	u.fails(2, "login", "ftp://x", token)
	u.fails(5, "login", "http://127.0.0.1:1", token, "--tries", "1")
	u.fails(3, "login", s.addr["gateway"], token, "--tries", "1")
}

// A directory is one DAG: what it is here, it is there, in the browser of
// whoever has its CID, and when it is fetched.
func TestRemoteDirectory(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir())
	u := s.login()
	src := filepath.Join(t.TempDir(), "site")
	sizes := map[string]int{"index.html": 100, "img/big.png": 2<<20 + 3, "img/empty": 0, ".well-known/x": 5, "ü ? #%": 9}
	for i := range 200 {
		sizes[fmt.Sprintf("many/%03d", i)] = i
	}
	fill(t, src, sizes)
	put := asks[remote.Result](u, "put", src)
	if put.Files != len(sizes) || put.Name != "site" {
		t.Errorf("put = %+v", put)
	}
	for _, path := range []string{"/index.html", "/img/big.png", "/.well-known/x", "/%C3%BC%20%3F%20%23%25"} {
		if _, err := s.gateway(http.DefaultClient, "/ipfs/"+put.CID.String()+path); err != nil {
			t.Error(err)
		}
	}
	dst := filepath.Join(t.TempDir(), "copy")
	got := asks[remote.Got](u, "get", put.CID.String(), "-o", dst)
	if got.Files != len(sizes) || !got.Verified {
		t.Errorf("get = %+v", got)
	}
	equalDirs(t, src, dst)
	sub := filepath.Join(t.TempDir(), "big")
	u.run("get", put.CID.String()+"/img/big.png", "-o", sub)
	if info, err := os.Stat(sub); err != nil || info.Size() != 2<<20+3 {
		t.Errorf("get of a path: %v", err)
	}
}

// A put that is killed again and again comes to one content, and a fetch to the file.
func TestRemotePutKill(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir())
	u := s.login()
	src := filepath.Join(t.TempDir(), "src")
	fill(t, src, map[string]int{"a": 40 << 20, "b": 1})
	for _, what := range []string{src, filepath.Join(src, "a")} {
		before := len(asks[[]remote.Content](u, "ls", "--contents"))
		u.untilDone(300*time.Millisecond, "put", what)
		if list := asks[[]remote.Content](u, "ls", "--contents"); len(list) != before+1 {
			t.Errorf("put %s: %d contents more, want 1: %+v", what, len(list)-before, list)
		}
	}
	root := asks[[]remote.Content](u, "ls", "--contents")[0].CID.String()
	to := filepath.Join(t.TempDir(), "a")
	u.untilDone(100*time.Millisecond, "get", root, "-o", to)
	one, _ := os.ReadFile(filepath.Join(src, "a"))
	if two, err := os.ReadFile(to); err != nil || !bytes.Equal(one, two) {
		t.Errorf("get after kills: %d bytes, %v", len(two), err)
	}
}

// untilDone runs a command, and kills it later each time until it ends well.
func (u *person) untilDone(step time.Duration, args ...string) {
	u.t.Helper()
	for kills := 0; ; kills++ {
		cmd := u.command(args...)
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			u.t.Fatal(err)
		}
		kill := time.AfterFunc(time.Duration(kills)*step, func() { cmd.Process.Kill() }) // the moment is what is under test
		err := cmd.Wait()
		kill.Stop()
		switch {
		case err == nil:
			u.t.Logf("whypfs %s: killed %d times", strings.Join(args, " "), kills)
			return
		case cmd.ProcessState.ExitCode() >= 0:
			u.t.Fatalf("whypfs %s after %d kills: %v\n%s", strings.Join(args, " "), kills, err, out.String())
		case kills > 100:
			u.t.Fatalf("whypfs %s does not end in %v", strings.Join(args, " "), time.Duration(kills)*step)
		}
	}
}
