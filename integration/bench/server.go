package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A server is a running program that speaks S3, with a data folder of its own.
type server struct {
	addr string
	dir  string
	log  *os.File
	cmd  *exec.Cmd
}

// programs tells how each server is started.
var programs = map[string]func(addr, dir string) (args, env []string){
	"minio": func(addr, dir string) ([]string, []string) {
		return []string{"server", dir, "--address", addr, "--quiet"},
			[]string{"MINIO_ROOT_USER=" + access, "MINIO_ROOT_PASSWORD=" + secret, "MINIO_BROWSER=off", "MINIO_UPDATE=off", "HOME=" + dir}
	},
	"versitygw": func(addr, dir string) ([]string, []string) {
		return []string{"--port", addr, "--access", access, "--secret", secret, "--quiet", "--keep-alive", "posix", dir}, nil
	},
	"rclone": func(addr, dir string) ([]string, []string) {
		return []string{"serve", "s3", dir, "--addr", addr, "--auth-key", access + "," + secret, "--config", "", "--log-level", "ERROR"}, nil
	},
	"whypfs": func(addr, dir string) ([]string, []string) {
		return []string{"up", "--data", dir, "--s3-addr", addr, "--api-addr", "127.0.0.1:0", "--libp2p-addr", "/ip4/127.0.0.1/tcp/0"},
			[]string{"WHYPFS_GATEWAY_ADDR=127.0.0.1:0", "WHYPFS_ROOT_ACCESS_KEY=" + access, "WHYPFS_ROOT_SECRET_KEY=" + secret}
	},
}

// freeAddr is an address that nobody listens on now.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// start starts a server on an empty folder, with more in its environment. A
// name "whypfs=PATH" takes another binary.
func (b bench) start(ctx context.Context, name string, more ...string) (*server, error) {
	kind, path, other := strings.Cut(name, "=")
	if !other {
		path = filepath.Join(b.bin, kind)
	}
	program, ok := programs[kind]
	if !ok {
		return nil, fmt.Errorf("no server %q", kind)
	}
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	s := &server{addr: addr, dir: filepath.Join(b.dir, kind)}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, err
	}
	args, env := program(addr, s.dir)
	s.cmd = exec.CommandContext(ctx, path, args...)
	s.cmd.Env = append(append(os.Environ(), env...), more...)
	if s.log, err = os.Create(filepath.Join(b.dir, kind+".log")); err != nil {
		return nil, err
	}
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	return s, nil
}

// stop ends the server and removes its data, so that the next one finds the
// disk as this one did.
func (s *server) stop() error {
	s.end()
	s.log.Close()
	err := os.RemoveAll(s.dir)
	syscall.Sync()
	return err
}

// end ends the program.
func (s *server) end() {
	s.cmd.Process.Signal(syscall.SIGTERM)
	done := time.AfterFunc(20*time.Second, func() { s.cmd.Process.Kill() })
	s.cmd.Wait() // its status is of no interest once it was told to stop
	done.Stop()
}

// cpu is the time on processors that the server has used.
func (s *server) cpu() time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	f := strings.Fields(rest)
	if len(f) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(f[11])
	system, _ := strconv.Atoi(f[12])
	return time.Duration(user+system) * 10 * time.Millisecond // USER_HZ is 100 on Linux
}
