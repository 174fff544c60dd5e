//go:build integration

package integration

import (
	"bytes"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// startPostgres runs a PostgreSQL server of its own, which listens on a unix
// socket only, and returns how to connect to it.
func startPostgres(t *testing.T) (dsn string) {
	t.Helper()
	bins, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil || len(bins) == 0 {
		t.Fatalf("PostgreSQL is not installed: %v", err)
	}
	bin := bins[len(bins)-1]
	dir, err := os.MkdirTemp("", "whypfs-pg")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	var as *syscall.SysProcAttr
	if os.Getuid() == 0 { // as whom the server does not run
		as = asUser(t, "postgres")
		if err := os.Chown(dir, int(as.Credential.Uid), int(as.Credential.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	data := filepath.Join(dir, "data")
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", data, "-A", "trust", "-U", "estuary", "--no-sync", "-E", "UTF8", "--locale", "C")
	initdb.Dir, initdb.SysProcAttr = dir, as
	if out, err := initdb.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	log := &bytes.Buffer{}
	srv := exec.Command(filepath.Join(bin, "postgres"), "-D", data, "-c", "listen_addresses=", "-c", "unix_socket_directories="+dir, "-c", "fsync=off")
	srv.Dir, srv.SysProcAttr, srv.Stderr = dir, as, log
	if err := srv.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		srv.Process.Signal(syscall.SIGINT) // a fast shutdown
		srv.Wait()
		if t.Failed() {
			t.Logf("PostgreSQL:\n%s", log)
		}
	})
	ready := filepath.Join(bin, "pg_isready")
	await(t, 30*time.Second, "PostgreSQL", func() bool { return exec.Command(ready, "-q", "-h", dir).Run() == nil })
	return "postgres://estuary@/postgres?host=" + url.QueryEscape(dir)
}

func asUser(t *testing.T, name string) *syscall.SysProcAttr {
	t.Helper()
	u, err := user.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
}
