//go:build integration

package integration

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"
	"golang.org/x/sync/errgroup"
)

// A client uploads a tree of files or one file, and brings a bucket back. Each
// is used as its documentation says, with its defaults.
type client struct {
	name string
	up   func(s *server, dir, bucket string) error
	put  func(s *server, file, bucket, key string) error
	down func(s *server, bucket, dir string) error
}

// clients returns every client on this machine: all kinds of aws-cli found,
// since the old and the new ones sign and checksum differently.
func clients(t *testing.T) []client {
	t.Helper()
	all := []client{minioClient(), rcloneClient(lookPath(t, "rclone"))}
	for i, path := range awsPaths(t) {
		all = append(all, awsClient(fmt.Sprintf("aws-cli-%d", i+1), path))
	}
	return all
}

func lookPath(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%v: run ./test, which installs the clients", err)
	}
	return path
}

// awsPaths is the aws on the PATH and, if it is another, Debian's.
func awsPaths(t *testing.T) []string {
	paths := []string{lookPath(t, "aws")}
	if _, err := os.Stat("/usr/bin/aws"); err == nil && paths[0] != "/usr/bin/aws" {
		paths = append(paths, "/usr/bin/aws")
	}
	return paths
}

func awsClient(name, path string) client {
	aws := func(s *server, args ...string) error {
		cmd := exec.Command(path, append([]string{"--endpoint-url", s.addr["s3"]}, args...)...)
		// A directory of its own keeps the user's configuration out.
		cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID="+accessKey, "AWS_SECRET_ACCESS_KEY="+secretKey,
			"AWS_DEFAULT_REGION=us-east-1", "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null",
			"AWS_EC2_METADATA_DISABLED=true")
		if s.ca != "" {
			cmd.Env = append(cmd.Env, "AWS_CA_BUNDLE="+s.ca)
		}
		return output(cmd)
	}
	return client{
		name: name,
		up: func(s *server, dir, bucket string) error {
			if err := aws(s, "s3", "mb", "s3://"+bucket); err != nil {
				return err
			}
			return aws(s, "s3", "cp", "--quiet", "--recursive", dir, "s3://"+bucket)
		},
		put: func(s *server, file, bucket, key string) error {
			return aws(s, "s3", "cp", "--quiet", file, "s3://"+bucket+"/"+key)
		},
		down: func(s *server, bucket, dir string) error {
			return aws(s, "s3", "cp", "--quiet", "--recursive", "s3://"+bucket, dir)
		},
	}
}

func rcloneClient(path string) client {
	rclone := func(s *server, args ...string) error {
		cmd := exec.Command(path, append(args, "--transfers", "16", "--checkers", "16")...)
		cmd.Env = append(os.Environ(), "RCLONE_CONFIG=/dev/null", "RCLONE_CONFIG_W_TYPE=s3", "RCLONE_CONFIG_W_PROVIDER=Other",
			"RCLONE_CONFIG_W_ENDPOINT="+s.addr["s3"], "RCLONE_CONFIG_W_ACCESS_KEY_ID="+accessKey,
			"RCLONE_CONFIG_W_SECRET_ACCESS_KEY="+secretKey)
		if s.ca != "" {
			cmd.Args = append(cmd.Args, "--ca-cert", s.ca)
		}
		return output(cmd)
	}
	return client{
		name: "rclone",
		up:   func(s *server, dir, bucket string) error { return rclone(s, "copy", dir, "w:"+bucket) },
		put: func(s *server, file, bucket, key string) error {
			return rclone(s, "copyto", file, "w:"+bucket+"/"+key, "--s3-chunk-size", "5M", "--s3-upload-cutoff", "5M")
		},
		down: func(s *server, bucket, dir string) error { return rclone(s, "copy", "w:"+bucket, dir) },
	}
}

func output(cmd *exec.Cmd) error {
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, out[:min(len(out), 4000)])
	}
	return nil
}

func minioClient() client {
	ctx := context.Background()
	return client{
		name: "minio-go",
		up: func(s *server, dir, bucket string) error {
			c := s.minio()
			if err := c.MakeBucket(ctx, bucket, minio.MakeBucketOptions{}); err != nil {
				return err
			}
			return eachFile(dir, func(path, key string) error {
				_, err := c.FPutObject(ctx, bucket, key, path, minio.PutObjectOptions{})
				return err
			})
		},
		put: func(s *server, file, bucket, key string) error {
			_, err := s.minio().FPutObject(ctx, bucket, key, file, minio.PutObjectOptions{PartSize: 16 << 20})
			return err
		},
		down: func(s *server, bucket, dir string) error {
			c := s.minio()
			var g errgroup.Group
			g.SetLimit(16)
			for o := range c.ListObjects(ctx, bucket, minio.ListObjectsOptions{Recursive: true}) {
				if o.Err != nil {
					return o.Err
				}
				g.Go(func() error {
					return c.FGetObject(ctx, bucket, o.Key, filepath.Join(dir, o.Key), minio.GetObjectOptions{})
				})
			}
			return g.Wait()
		},
	}
}

// eachFile calls fn, up to 16 at once, for the regular files under dir.
func eachFile(dir string, fn func(path, key string) error) error {
	var g errgroup.Group
	g.SetLimit(16)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		key, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		g.Go(func() error { return fn(path, filepath.ToSlash(key)) })
		return nil
	})
	if werr := g.Wait(); werr != nil {
		return werr
	}
	return err
}

// standardLibrary copies the source of Go's standard library, without the
// commands, so that every client walks the same regular files.
func standardLibrary(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	src := filepath.Join(strings.TrimSpace(string(out)), "src")
	dir := t.TempDir()
	err = filepath.WalkDir(src, func(path string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(src, path)
		switch {
		case err != nil:
			return err
		case rel == "cmd":
			return fs.SkipDir
		case d.IsDir():
			return os.MkdirAll(filepath.Join(dir, rel), 0o755)
		case !d.Type().IsRegular():
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, rel), b, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// sameTree checks that got holds want's files, byte for byte, and no others.
func sameTree(t *testing.T, want, got string) {
	t.Helper()
	n := 0
	err := filepath.WalkDir(want, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		n++
		rel, _ := filepath.Rel(want, path)
		a, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		b, err := os.ReadFile(filepath.Join(got, rel))
		if err != nil {
			return err
		}
		if !bytes.Equal(a, b) {
			return fmt.Errorf("%s differs after the round trip", rel)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	m := 0
	filepath.WalkDir(got, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			m++
		}
		return err
	})
	if n == 0 || m != n {
		t.Errorf("%d files came back of %d", m, n)
	}
}

// sameOverGateway reads every file of dir through the gateway by the CID that
// S3 gives for it.
func sameOverGateway(t *testing.T, s *server, dir, bucket string) {
	t.Helper()
	c, hc := s.minio(), &http.Client{Transport: s.transport()}
	err := eachFile(dir, func(path, key string) error {
		info, err := c.StatObject(context.Background(), bucket, key, minio.StatObjectOptions{})
		if err != nil {
			return fmt.Errorf("HEAD %s: %w", key, err)
		}
		want, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		got, err := s.gateway(hc, "/ipfs/"+cidOf(info))
		if err == nil && !bytes.Equal(got, want) {
			err = fmt.Errorf("%s over the gateway: %d bytes that differ from the file's %d", key, len(got), len(want))
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func cidOf(info minio.ObjectInfo) string { return info.Metadata.Get("X-Amz-Meta-Cid") }

// TestClients moves the standard library's source tree through every client,
// over HTTP and HTTPS, and compares every byte over S3 and over the gateway.
func TestClients(t *testing.T) {
	tree := standardLibrary(t)
	for _, proto := range []string{"http", "https"} {
		t.Run(proto, func(t *testing.T) {
			s := startWith(t, proto)
			for _, c := range clients(t) {
				t.Run(c.name, func(t *testing.T) {
					bucket := "tree-" + c.name
					if err := c.up(s, tree, bucket); err != nil {
						t.Fatal(err)
					}
					back := t.TempDir()
					if err := c.down(s, bucket, back); err != nil {
						t.Fatal(err)
					}
					sameTree(t, tree, back)
					sameOverGateway(t, s, tree, bucket)
				})
			}
		})
	}
}

// startWith starts a node that speaks the protocol.
func startWith(t *testing.T, proto string, args ...string) *server {
	t.Helper()
	if proto == "http" {
		return start(t, t.TempDir(), args...)
	}
	cert, key := certificate(t)
	s := start(t, t.TempDir(), append(args, "--tls-cert", cert, "--tls-key", key)...)
	s.ca = cert
	return s
}

// TestOneCID uploads one 300 MiB file with every client's part size and as a
// single PUT: the same bytes are the same CID, which is boxo's.
func TestOneCID(t *testing.T) {
	file := filepath.Join(t.TempDir(), "big.bin")
	const size = 300<<20 + 12345
	writeRandom(t, file, size)
	want := boxoCID(t, file)
	for _, proto := range []string{"http", "https"} {
		t.Run(proto, func(t *testing.T) {
			s := startWith(t, proto)
			mc := s.minio()
			if err := mc.MakeBucket(testContext(t), "big", minio.MakeBucketOptions{}); err != nil {
				t.Fatal(err)
			}
			check := func(t *testing.T, key string) {
				info, err := mc.StatObject(testContext(t), "big", key, minio.StatObjectOptions{})
				if err != nil {
					t.Fatal(err)
				}
				if got := cidOf(info); got != want {
					t.Errorf("CID of %s = %s, want %s", key, got, want)
				}
				sameFile(t, s, file, "big", key, cidOf(info))
			}
			for _, c := range clients(t) {
				t.Run(c.name, func(t *testing.T) {
					if err := c.put(s, file, "big", c.name); err != nil {
						t.Fatal(err)
					}
					check(t, c.name)
				})
			}
			t.Run("single PUT", func(t *testing.T) {
				f, err := os.Open(file)
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
				_, err = mc.PutObject(testContext(t), "big", "single", f, size, minio.PutObjectOptions{DisableMultipart: true})
				if err != nil {
					t.Fatal(err)
				}
				check(t, "single")
			})
		})
	}
}

// sameFile compares an object with the file it came from, over S3 and over the gateway.
func sameFile(t *testing.T, s *server, file, bucket, key, cid string) {
	t.Helper()
	o, err := s.minio().GetObject(testContext(t), bucket, key, minio.GetObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	sameBytes(t, file, o)
	res, err := (&http.Client{Transport: s.transport()}).Get(s.addr["gateway"] + "/ipfs/" + cid)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	sameBytes(t, file, res.Body)
}

func sameBytes(t *testing.T, file string, got io.Reader) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	a, b := make([]byte, 1<<20), make([]byte, 1<<20)
	for off := int64(0); ; {
		n, errA := io.ReadFull(f, a)
		m, errB := io.ReadFull(got, b)
		if n != m || !bytes.Equal(a[:n], b[:m]) {
			t.Fatalf("bytes after %d differ: read %d (%v), want %d (%v)", off, m, errB, n, errA)
		}
		if off += int64(n); errA != nil {
			return
		}
	}
}
