package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// A v1Node is a running WhyPFS, spoken to over Estuary V1's API.
type v1Node struct {
	*server
	addr  map[string]string // as its line `ready` tells them
	token string
	http  *http.Client
}

// startV1 starts a node on the data that it has under a name, and waits until
// it is ready.
func (b bench) startV1(ctx context.Context, name string, env ...string) (*v1Node, error) {
	b.dir = filepath.Join(b.dir, name)
	s, err := b.start(ctx, "whypfs", env...)
	if err != nil {
		return nil, err
	}
	n := &v1Node{server: s, http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1 << 10}}}
	for deadline := time.Now().Add(time.Minute); ; {
		if n.addr, err = readyLine(s.log.Name()); err != nil || n.addr != nil {
			break
		}
		if time.Now().After(deadline) {
			err = errors.New("it is not ready after a minute")
			break
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			err = ctx.Err()
		}
		if err != nil {
			break
		}
	}
	if err != nil {
		s.end()
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return n, nil
}

// readyLine is the addresses in a log's line `ready`, or nil.
func readyLine(log string) (map[string]string, error) {
	text, err := os.ReadFile(log)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		if len(words) == 0 || words[0] != "ready" || !strings.HasSuffix(line, "\n") {
			continue
		}
		addr := map[string]string{}
		for _, w := range words[1:] {
			if k, v, ok := strings.Cut(w, "="); ok {
				addr[k] = v
			}
		}
		return addr, nil
	}
	return nil, nil
}

// command runs one of the binary's commands.
func (b bench) command(ctx context.Context, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, filepath.Join(b.bin, "whypfs"), args...).CombinedOutput()
	return string(out), err
}

// setup makes the node's admin, whose token the clients share.
func (n *v1Node) setup(ctx context.Context, b bench) error {
	out, err := b.command(ctx, "setup", "--data", n.dir, "--username", "bench", "--password", "bench-password")
	_, token, ok := strings.Cut(strings.TrimSpace(out), "Auth Token: ")
	if err != nil || !ok {
		return fmt.Errorf("setup: %w: %s", err, out)
	}
	n.token = token
	return nil
}

// noErrors says whether the node has logged any.
func (n *v1Node) noErrors() error {
	f, err := os.Open(n.log.Name())
	if err != nil {
		return err
	}
	defer f.Close()
	for r := bufio.NewScanner(f); r.Scan(); {
		if strings.Contains(r.Text(), "level=ERROR") || strings.HasPrefix(r.Text(), "panic") {
			return fmt.Errorf("the node's log: %s", r.Text())
		}
	}
	return nil
}
