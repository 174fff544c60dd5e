package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// fileSize is the length of the file that is imported and fetched.
const fileSize = 1 << 30

// ipfs measures the import of a file and its GET from the gateway, beside
// kubo. Kubo imports by `ipfs add`, with no daemon and so no HTTP in between,
// and syncs none of its blocks; WhyPFS takes a PUT over HTTP, computes an MD5
// besides, and answers when all is durable. Both make the same CID.
func (b bench) ipfs(ctx context.Context) error {
	data := make([]byte, int(fileSize*b.scale))
	rand.NewChaCha8([32]byte{1}).Read(data)
	file := body{key: "file", data: data, sum: "UNSIGNED-PAYLOAD"}
	var t table
	for range b.rounds {
		cid, err := b.kubo(ctx, &file, &t)
		if err != nil {
			return fmt.Errorf("kubo: %w", err)
		}
		if err := b.whypfs(ctx, &file, cid, &t); err != nil {
			return fmt.Errorf("whypfs: %w", err)
		}
	}
	return t.write(os.Stdout, []string{"kubo", "whypfs"})
}

const (
	importRow  = "import of a file"
	gatewayRow = "gateway GET of the file"
)

func (b bench) kubo(ctx context.Context, file *body, t *table) (cid string, err error) {
	dir := filepath.Join(b.dir, "kubo")
	path := filepath.Join(b.dir, "file")
	if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(path, file.data, 0o600)); err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	defer os.Remove(path)
	gateway, err := freeAddr()
	if err != nil {
		return "", err
	}
	_, port, _ := net.SplitHostPort(gateway)
	run := func(args ...string) (string, error) {
		cmd := exec.CommandContext(ctx, filepath.Join(b.bin, "ipfs"), args...)
		cmd.Env = append(os.Environ(), "IPFS_PATH="+dir, "HOME="+dir)
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		return strings.TrimSpace(string(out)), err
	}
	for _, args := range [][]string{
		{"init", "--empty-repo", "--profile=unixfs-v1-2025"},
		{"config", "Addresses.Gateway", "/ip4/127.0.0.1/tcp/" + port},
		{"config", "Addresses.API", "/ip4/127.0.0.1/tcp/0"},
		{"config", "--json", "Addresses.Swarm", "[]"},
		{"config", "--json", "AutoConf.Enabled", "false"},
		{"config", "--json", "Bootstrap", "[]"},
		{"config", "--json", "DNS.Resolvers", "{}"},
		{"config", "--json", "Routing.DelegatedRouters", "[]"},
		{"config", "--json", "Ipns.DelegatedPublishers", "[]"},
	} {
		if _, err := run(args...); err != nil {
			return "", err
		}
	}
	start := time.Now()
	if cid, err = run("add", "--offline", "--quieter", path); err != nil {
		return "", err
	}
	t.add(importRow, "kubo", took(start, file))
	return cid, b.daemon(ctx, dir, gateway, cid, file, t)
}

// daemon measures kubo's gateway.
func (b bench) daemon(ctx context.Context, dir, gateway, cid string, file *body, t *table) error {
	cmd := exec.CommandContext(ctx, filepath.Join(b.bin, "ipfs"), "daemon", "--offline")
	cmd.Env = append(os.Environ(), "IPFS_PATH="+dir, "HOME="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	s := &server{cmd: cmd}
	if err := cmd.Start(); err != nil {
		return err
	}
	defer s.end()
	for r := bufio.NewScanner(out); ; {
		if !r.Scan() {
			return errors.New("the daemon ended")
		}
		if strings.Contains(r.Text(), "Daemon is ready") {
			break
		}
	}
	return s.fetch("http://"+gateway+"/ipfs/"+cid, "kubo", file, t)
}

func (b bench) whypfs(ctx context.Context, file *body, cid string, t *table) error {
	gateway, err := freeAddr()
	if err != nil {
		return err
	}
	s, err := b.start(ctx, "whypfs", "WHYPFS_GATEWAY_ADDR="+gateway)
	if err != nil {
		return err
	}
	defer s.stop()
	if err := s.makeBucket(ctx); err != nil {
		return err
	}
	c, err := dial(s)
	if err != nil {
		return err
	}
	defer c.close()
	start := time.Now()
	if err := c.put(file, "unsigned"); err != nil {
		return err
	}
	t.add(importRow, "whypfs", took(start, file))
	return s.fetch("http://"+gateway+"/ipfs/"+cid, "whypfs", file, t)
}

// took is the rate of one file.
func took(start time.Time, file *body) rate {
	return rate{perSecond: 1 / time.Since(start).Seconds(), size: len(file.data)}
}

// fetch reads the file twice, and counts the second time: what was just
// written need not be in memory.
func (s *server) fetch(url, name string, file *body, t *table) error {
	for i := range 2 {
		before, start := s.cpu(), time.Now()
		res, err := http.Get(url)
		if err != nil {
			return err
		}
		err = compare(res, file.data)
		res.Body.Close()
		if err != nil {
			return fmt.Errorf("%s: %w", url, err)
		}
		if i == 1 {
			r := took(start, file)
			r.cpu = s.cpu() - before
			t.add(gatewayRow, name, r)
		}
	}
	return nil
}

func compare(res *http.Response, want []byte) error {
	if res.StatusCode != http.StatusOK {
		return errors.New(res.Status)
	}
	buf := make([]byte, 128<<10)
	for {
		n, err := res.Body.Read(buf)
		if n > len(want) || !bytes.Equal(buf[:n], want[:n]) {
			return errors.New("wrong bytes")
		}
		want = want[n:]
		if err == io.EOF && len(want) == 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
