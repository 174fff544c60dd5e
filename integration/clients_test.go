//go:build integration

package integration

import (
	"context"
	"fmt"
	"io/fs"
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

// clients returns every client on this machine that can move a tree: all kinds
// of aws-cli found, since the old and the new ones sign and checksum differently.
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
	t.Helper()
	paths := []string{lookPath(t, "aws")}
	if strings.Contains(paths[0], "/shims/") {
		// pyenv puts a script there that first looks for the command.
		out, err := exec.Command("pyenv", "which", "aws").Output()
		if err != nil {
			t.Fatalf("pyenv which aws: %v", err)
		}
		paths[0] = strings.TrimSpace(string(out))
	}
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

func cidOf(info minio.ObjectInfo) string { return info.Metadata.Get("X-Amz-Meta-Cid") }

// TestClients moves the standard library's source tree through the clients,
// over HTTP and HTTPS, and compares every byte over S3 and over the gateway.
// One client over each moves thousands of files, the others a package's.
func TestClients(t *testing.T) {
	t.Parallel()
	tree := standardLibrary(t)
	for proto, whole := range map[string]string{"http": "minio-go", "https": "rclone"} {
		t.Run(proto, func(t *testing.T) {
			t.Parallel()
			s := startWith(t, proto)
			for _, c := range clients(t) {
				t.Run(c.name, func(t *testing.T) {
					tree := tree
					if c.name != whole {
						tree = filepath.Join(tree, "net")
					}
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
// single PUT: the same bytes are the same CID, which is boxo's. The clients
// take turns with HTTP and HTTPS; TestMatrix has each with both.
func TestOneCID(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "big.bin")
	const size = 300<<20 + 12345
	writeRandom(t, file, size)
	want := boxoCID(t, file)
	single := client{name: "single PUT", put: func(s *server, file, bucket, key string) error {
		opt := minio.PutObjectOptions{DisableMultipart: true}
		_, err := s.minio().FPutObject(context.Background(), bucket, key, file, opt)
		return err
	}}
	var nodes []*server
	for _, proto := range []string{"http", "https"} {
		s := startWith(t, proto)
		if err := s.minio().MakeBucket(testContext(t), "big", minio.MakeBucketOptions{}); err != nil {
			t.Fatal(err)
		}
		nodes = append(nodes, s)
	}
	for i, c := range append(clients(t), single) {
		s := nodes[i%2]
		t.Run(c.name, func(t *testing.T) {
			if err := c.put(s, file, "big", c.name); err != nil {
				t.Fatal(err)
			}
			info, err := s.minio().StatObject(testContext(t), "big", c.name, minio.StatObjectOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if got := cidOf(info); got != want {
				t.Errorf("CID of %s = %s, want %s", c.name, got, want)
			}
			sameFile(t, s, file, "big", c.name, cidOf(info))
		})
	}
}
