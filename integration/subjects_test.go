//go:build integration

package integration

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// domain is what the matrix's nodes have buckets under, in virtual-host style.
const domain = "s3.localhost"

// subjects returns every client of the matrix on this machine: of the Python
// ones each version found, since the old and the new ones checksum differently.
func subjects(t *testing.T) []subject {
	t.Helper()
	all := []subject{
		minioSubject(t), awsSDKSubject(t), jsSubject(t),
		rcloneSubject(lookPath(t, "rclone")), s3cmdSubject(lookPath(t, "s3cmd")),
	}
	for i, path := range awsPaths(t) {
		c := awsSubject(path, version(t, path, "--version"))
		c.more = i > 0
		all = append(all, c)
	}
	return append(all, botoSubjects(t)...)
}

// version is the first thing like a version that a command prints.
func version(t *testing.T, command ...string) string {
	t.Helper()
	out, err := exec.Command(command[0], command[1:]...).CombinedOutput()
	v := regexp.MustCompile(`\d+\.\d+\.\d+`).FindString(string(out))
	if err != nil || v == "" {
		t.Fatalf("%s: no version in %q, %v", strings.Join(command, " "), out, err)
	}
	return v
}

// botoSubjects is boto3 in each Python that has it: those that the aws-cli
// found run in, the one on the PATH, and Debian's.
func botoSubjects(t *testing.T) (all []subject) {
	t.Helper()
	var pythons []string
	for _, path := range awsPaths(t) {
		script, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if line, _, _ := strings.Cut(string(script[:min(200, len(script))]), "\n"); strings.HasPrefix(line, "#!/") {
			pythons = append(pythons, strings.Fields(line[2:])[0])
		}
	}
	var versions []string
	for _, python := range append(pythons, lookPath(t, "python3"), "/usr/bin/python3") {
		out, err := exec.Command(python, "-c", "import boto3; print(boto3.__version__)").Output()
		v := strings.TrimSpace(string(out))
		if err != nil || slices.Contains(versions, v) {
			continue // no boto3 there, or one that another Python has
		}
		versions = append(versions, v)
		all = append(all, subject{
			name: "boto3-" + v, part: 8 * mib, above: 8*mib - 1, keys: specialKeys, more: len(versions) > 1,
			run: func(j job) (report, error) { return program(j, nil, python, "testdata/matrix.py") },
		})
	}
	if len(all) == 0 {
		t.Fatalf("no boto3 in %v: run ./test, which installs the clients", pythons)
	}
	return all
}

// jsModule is the directory of a module, and its version, that ./test installs
// outside the tree.
func jsModule(t *testing.T, name string) (dir, version string) {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(cache, "whypfs-test", "js", "node_modules", filepath.FromSlash(name))
	about, err := os.ReadFile(filepath.Join(dir, "package.json"))
	if err != nil {
		t.Fatalf("%v: run ./test, which installs the clients", err)
	}
	var pkg struct{ Version string }
	if err := json.Unmarshal(about, &pkg); err != nil {
		t.Fatal(err)
	}
	return dir, pkg.Version
}

// jsSubject is the AWS SDK for JavaScript.
func jsSubject(t *testing.T) subject {
	t.Helper()
	sdk, version := jsModule(t, "@aws-sdk/client-s3")
	modules, node := filepath.Dir(filepath.Dir(sdk)), lookPath(t, "node")
	return subject{
		name: "aws-sdk-js-" + version, part: 5 * mib, above: 5 * mib, keys: specialKeys,
		run: func(j job) (report, error) {
			return program(j, []string{"NODE_PATH=" + modules, "NODE_EXTRA_CA_CERTS=" + j.CA}, node, "js/matrix.cjs")
		},
	}
}

// program runs a client written in another language.
func program(j job, env []string, name string, args ...string) (r report, err error) {
	in, err := json.Marshal(j)
	if err != nil {
		return r, err
	}
	cmd := j.command(name, args...)
	cmd.Env = append(append(os.Environ(), "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null"), env...)
	cmd.Stdin = bytes.NewReader(in)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return r, fmt.Errorf("%s: %w\n%s", name, err, errs.String())
	}
	return r, json.Unmarshal(out, &r)
}

// host is the only name by which a client may look for the node: with it a
// client that goes on with path style cannot pass for one of the other.
func (j job) host() string {
	_, host, _ := strings.Cut(j.Endpoint, "://")
	host, _, _ = strings.Cut(host, ":")
	if j.Virtual {
		return j.Bucket + "." + host
	}
	return host
}

// command is a command that finds the bucket's host name on loopback. No
// resolver can be counted on to know names below localhost, so in virtual-host
// style the command sees a hosts file of its own (which takes root, or a
// kernel that lends a name space).
func (j job) command(name string, args ...string) *exec.Cmd {
	if !j.Virtual {
		return exec.Command(name, args...)
	}
	const script = `echo "127.0.0.1 $1" > "$0" && mount --bind "$0" /etc/hosts && shift && exec "$@"`
	flags := []string{"--mount", "--propagation", "private"}
	if os.Getuid() != 0 {
		flags = append(flags, "--map-root-user")
	}
	flags = append(flags, "sh", "-c", script, filepath.Join(j.Down, ".hosts"), j.host(), name)
	return exec.Command("unshare", append(flags, args...)...)
}

// eachUp calls fn for every file of the job's tree, one after the other.
func (j job) eachUp(fn func(path, key string) error) error {
	return filepath.WalkDir(j.Up, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		key, err := filepath.Rel(j.Up, path)
		return errors.Join(err, fn(path, key))
	})
}

func (j job) eachSpecial(fn func(special) error) error {
	for _, s := range j.Special {
		if err := fn(s); err != nil {
			return err
		}
	}
	return nil
}

// eachBack calls fn for every object with the path to read it back to.
func (j job) eachBack(fn func(key, path string) error) error {
	back := func(_, key string) error { return fn(key, filepath.Join(j.Down, key)) }
	return errors.Join(j.eachUp(back), back("", keyStream),
		j.eachSpecial(func(s special) error { return fn(s.Key, s.Down) }))
}
