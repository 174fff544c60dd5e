//go:build integration

package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestReadme runs the README's commands in their order, as printed but for the
// addresses, which are free ports here, and the key and token, which a reader
// fills in from what he was shown.
func TestReadme(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := shellBlocks(string(text))
	find := func(part string) string {
		t.Helper()
		for _, b := range blocks {
			if strings.Contains(b, part) {
				return b
			}
		}
		t.Fatalf("README has no command with %q", part)
		return ""
	}
	dir := t.TempDir()
	r := &reader{t: t, dir: dir}
	r.oldClient()
	r.up(find("up --sandbox"))
	if out := r.sh(find("aws s3 mb")); !strings.Contains(out, helloCID) {
		t.Errorf("head-object prints no CID %s: %s", helloCID, out)
	}
	if out := r.sh(find("/ipfs/" + helloCID)); !strings.HasSuffix(out, "hello world\n") {
		t.Errorf("the gateway gives %q", out)
	}
	r.sh(find("bucket policy photos"))
	await(t, 60*time.Second, "the zone complete, with six active deals", func() bool {
		return strings.Contains(r.sh("./whypfs zone ls --data data"), "complete") &&
			strings.Count(r.sh("./whypfs deal ls --data data"), "active") == 6
	})
	setup := regexp.MustCompile("`(./whypfs setup [^`]*)`").FindStringSubmatch(string(text))
	if setup == nil {
		t.Fatal("README has no command that sets up an admin")
	}
	_, token, _ := strings.Cut(strings.TrimSpace(r.sh(setup[1])), "Auth Token: ")
	if out := r.sh(strings.Replace(find("/content/add"), "EST…ARY", token, 1)); !strings.Contains(out, helloCID) {
		t.Errorf("the V1 upload answers %q", out)
	}
	r.server.stop()
	if err := os.RemoveAll(filepath.Join(dir, "data", "blocks")); err != nil {
		t.Fatal(err)
	}
	r.server.up()
	if out := r.sh(find("s3://photos/hello.txt -")); out != "hello world\n" {
		t.Errorf("after the blocks were lost the object reads %q", out)
	}
}

const helloCID = "bafkreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2devei4"

func shellBlocks(text string) (blocks []string) {
	for _, m := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(text, -1) {
		blocks = append(blocks, m[1])
	}
	return blocks
}

// reader does what the README says.
type reader struct {
	t      *testing.T
	dir    string
	server *server
	env    []string // what `export` lines set, which later blocks rely on
}

// up runs the command that starts a node.
func (r *reader) up(command string) {
	r.t.Helper()
	args, ok := strings.CutPrefix(strings.TrimSpace(command), "go run ./cmd/whypfs up ")
	if !ok || !strings.HasSuffix(args, "--data data") {
		r.t.Fatalf("README starts the node with %q", command)
	}
	args = strings.TrimSuffix(args, "--data data")
	r.server = start(r.t, filepath.Join(r.dir, "data"), strings.Fields(args)...)
}

// oldClient heeds the README's remark on an aws-cli that does not read
// AWS_ENDPOINT_URL, as Debian's does not: it passes the option.
func (r *reader) oldClient() {
	r.t.Helper()
	path := lookPath(r.t, "aws")
	version, err := exec.Command(path, "--version").CombinedOutput()
	if err != nil {
		r.t.Fatal(err)
	}
	m := regexp.MustCompile(`aws-cli/(\d+)\.(\d+)`).FindSubmatch(version)
	if m == nil {
		r.t.Fatalf("aws --version prints %q", version)
	}
	minor, err := strconv.Atoi(string(m[2]))
	if err != nil {
		r.t.Fatal(err)
	}
	if reads := map[string]int{"1": 29, "2": 13}[string(m[1])]; minor >= reads {
		return
	}
	script := "#!/bin/sh\nexec " + path + " --endpoint-url \"$AWS_ENDPOINT_URL\" \"$@\"\n"
	if err := os.WriteFile(filepath.Join(r.dir, "aws"), []byte(script), 0o700); err != nil {
		r.t.Fatal(err)
	}
	r.env = append(r.env, "PATH="+r.dir+":"+os.Getenv("PATH"))
}

// sh runs a block of commands and returns what they print.
func (r *reader) sh(block string) string {
	r.t.Helper()
	block = strings.NewReplacer(
		"AWS_ACCESS_KEY_ID=…", "AWS_ACCESS_KEY_ID="+accessKey,
		"AWS_SECRET_ACCESS_KEY=…", "AWS_SECRET_ACCESS_KEY="+secretKey,
		"http://127.0.0.1:9000", r.server.addr["s3"],
		"http://127.0.0.1:8080", r.server.addr["gateway"],
		"http://127.0.0.1:3004", r.server.addr["api"],
		"go build -o whypfs ./cmd/whypfs", "cp "+binary+" whypfs",
	).Replace(block)
	cmd := exec.Command("bash", "-euo", "pipefail", "-c", block)
	cmd.Dir = r.dir
	cmd.Env = append(append(os.Environ(), "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null"), r.env...)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		r.t.Fatalf("%s\n%v\n%s%s", block, err, out, errs.String())
	}
	for _, m := range regexp.MustCompile(`(?m)^export (.*)$`).FindAllStringSubmatch(block, -1) {
		r.env = append(r.env, strings.Fields(m[1])...)
	}
	return string(out)
}
