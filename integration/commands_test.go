//go:build integration

package integration

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// A commandLine is a client that is a command.
type commandLine struct {
	job  job
	path string
	args []string // before every command's own
	env  []string
}

// run runs a command and returns what it prints.
func (c *commandLine) run(args ...string) (string, error) { return c.feed(nil, args...) }

// pour runs a command that reads a file through a pipe, which has no length.
func (c *commandLine) pour(file string, args ...string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = c.feed(unsized{f}, args...)
	return err
}

func (c *commandLine) feed(in io.Reader, args ...string) (string, error) {
	cmd := c.job.command(c.path, append(c.args, args...)...)
	cmd.Env = append(os.Environ(), c.env...)
	cmd.Stdin = in
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	return string(out), c.fault(cmd, err, errs.String())
}

func (c *commandLine) fault(cmd *exec.Cmd, err error, text string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, text[:min(len(text), 3000)])
}

// each runs commands until one fails.
func (c *commandLine) each(commands ...[]string) error {
	for _, args := range commands {
		if _, err := c.run(args...); err != nil {
			return err
		}
	}
	return nil
}

// url names a key as the commands do.
func (c *commandLine) url(key string) string { return "s3://" + c.job.Bucket + "/" + key }

func awsSubject(path, version string) subject {
	return subject{
		name: "aws-cli-" + version, part: 8 * mib, above: 8*mib - 1, keys: specialKeys[:1],
		run: func(j job) (report, error) {
			style := "path"
			if j.Virtual {
				style = "virtual"
			}
			// Version 1 presigns with S3's old signature unless it is told not to.
			config := filepath.Join(j.Down, ".aws")
			text := "[default]\ns3 =\n    addressing_style = " + style + "\n    signature_version = s3v4\n"
			if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
				return report{}, err
			}
			c := &commandLine{job: j, path: path, args: []string{"--endpoint-url", j.Endpoint, "--output", "json"}, env: []string{
				"AWS_ACCESS_KEY_ID=" + j.AccessKey, "AWS_SECRET_ACCESS_KEY=" + j.SecretKey, "AWS_DEFAULT_REGION=us-east-1",
				"AWS_CONFIG_FILE=" + config, "AWS_SHARED_CREDENTIALS_FILE=/dev/null", "AWS_EC2_METADATA_DISABLED=true"}}
			if j.CA != "" {
				c.env = append(c.env, "AWS_CA_BUNDLE="+j.CA)
			}
			return c.aws(), nil
		},
	}
}

// aws does a job with aws-cli.
func (c *commandLine) aws() (r report) {
	j := c.job
	api := func(into any, command, key string, args ...string) error {
		args = append([]string{"s3api", command, "--bucket", j.Bucket}, args...)
		if key != "" {
			args = append(args, "--key", key)
		}
		out, err := c.run(args...)
		if err != nil || into == nil {
			return err
		}
		return json.Unmarshal([]byte(out), into)
	}
	r.do(stepMake, func() error { return c.each([]string{"s3", "mb", "s3://" + j.Bucket}) })
	r.do(stepPut, func() error { return c.each([]string{"s3", "cp", "--quiet", "--recursive", j.Up, c.url("")}) })
	r.do(stepStream, func() error { return c.pour(j.Stream, "s3", "cp", "-", c.url(keyStream)) })
	r.do(stepSpecial, func() error {
		return j.eachSpecial(func(s special) error { return api(nil, "put-object", s.Key, "--body", s.Up) })
	})
	r.do(stepList, func() error {
		var page struct {
			Contents []struct {
				Key  string
				Size int64
			}
		}
		err := api(&page, "list-objects-v2", "", "--page-size", "7")
		r.List = map[string]int64{}
		for _, o := range page.Contents {
			r.List[o.Key] = o.Size
		}
		return err
	})
	r.do(stepHead, func() error {
		var o struct {
			ETag          string
			ContentLength int64
			Metadata      map[string]string
		}
		err := api(&o, "head-object", keyBig)
		r.Heads = map[string]head{keyBig: {strings.Trim(o.ETag, `"`), o.Metadata["cid"], o.ContentLength}}
		return err
	})
	r.do(stepGet, func() error {
		err := j.eachSpecial(func(s special) error { return api(nil, "get-object", s.Key, s.Down) })
		// The special keys have no place among files.
		return errors.Join(err, c.each([]string{"s3", "cp", "--quiet", "--recursive", "--exclude", "keys//*", c.url(""), j.Down}))
	})
	r.do(stepCopy, func() error {
		return c.each([]string{"s3", "cp", "--quiet", c.url(keySource), c.url(keyCopied)}, []string{"s3", "cp", "--quiet", c.url(keySource), c.url(keyDoomed)})
	})
	r.do(stepRange, func() error {
		return api(nil, "get-object", keyBig, "--range", fmt.Sprintf("bytes=%d-%d", rangeFirst, rangeLast), filepath.Join(j.Down, fileRange))
	})
	r.do(stepPresign, func() (err error) {
		r.Presigned, err = c.run("s3", "presign", c.url(keySource))
		r.Presigned = strings.TrimSpace(r.Presigned)
		return err
	})
	r.do(stepAbort, func() error {
		var u struct{ UploadID string }
		if err := api(&u, "create-multipart-upload", keyAborted); err != nil {
			return err
		}
		return api(nil, "abort-multipart-upload", keyAborted, "--upload-id", u.UploadID)
	})
	r.do(stepDelete, func() error { return c.each([]string{"s3", "rm", "--quiet", c.url(keyDoomed)}) })
	return r
}

func rcloneSubject(path string) subject {
	return subject{
		name: "rclone", part: 5 * mib, above: 10 * mib,
		lacks: map[string]string{stepSpecial: "its paths are cleaned"},
		run: func(j job) (report, error) {
			c := &commandLine{job: j, path: path, args: []string{"--s3-chunk-size", "5M", "--s3-upload-cutoff", "10M"}, env: []string{
				"RCLONE_CONFIG=/dev/null", "RCLONE_CONFIG_W_TYPE=s3", "RCLONE_CONFIG_W_PROVIDER=Other",
				"RCLONE_CONFIG_W_ENDPOINT=" + j.Endpoint, "RCLONE_CONFIG_W_ACCESS_KEY_ID=" + j.AccessKey,
				"RCLONE_CONFIG_W_SECRET_ACCESS_KEY=" + j.SecretKey, fmt.Sprintf("RCLONE_CONFIG_W_FORCE_PATH_STYLE=%v", !j.Virtual)}}
			if j.CA != "" {
				c.args = append(c.args, "--ca-cert", j.CA)
			}
			return c.rclone(), nil
		},
	}
}

// rclone does a job with rclone.
func (c *commandLine) rclone() (r report) {
	j := c.job
	at := func(key string) string { return "w:" + j.Bucket + "/" + key }
	r.do(stepMake, func() error { return c.each([]string{"mkdir", at("")}) })
	r.do(stepPut, func() error { return c.each([]string{"copy", j.Up, at("")}) })
	r.do(stepStream, func() error { return c.pour(j.Stream, "rcat", at(keyStream)) })
	r.do(stepList, func() error {
		out, err := c.run("lsjson", "--recursive", "--files-only", at(""))
		var all []struct {
			Path string
			Size int64
		}
		r.List = map[string]int64{}
		err = errors.Join(err, json.Unmarshal([]byte(out), &all))
		for _, o := range all {
			r.List[o.Path] = o.Size
		}
		return err
	})
	r.do(stepHead, func() error {
		out, err := c.run("lsjson", "--stat", "--hash", "--metadata", at(keySource))
		var o struct {
			Size     int64
			Hashes   map[string]string
			Metadata map[string]string
		}
		err = errors.Join(err, json.Unmarshal([]byte(out), &o))
		r.Heads = map[string]head{keySource: {o.Hashes["md5"], o.Metadata["cid"], o.Size}}
		return err
	})
	r.do(stepGet, func() error {
		return c.each([]string{"copy", at(""), j.Down}, []string{"check", "--download", j.Up, at(""), "--one-way"})
	})
	r.do(stepCopy, func() error {
		return c.each([]string{"copyto", at(keySource), at(keyCopied)}, []string{"copyto", at(keySource), at(keyDoomed)})
	})
	r.do(stepRange, func() error {
		out, err := c.run("cat", "--offset", strconv.Itoa(rangeFirst), "--count", strconv.Itoa(rangeLast-rangeFirst+1), at(keyBig))
		return errors.Join(err, os.WriteFile(filepath.Join(j.Down, fileRange), []byte(out), 0o600))
	})
	r.do(stepPresign, func() (err error) {
		r.Presigned, err = c.run("link", at(keySource))
		r.Presigned = strings.TrimSpace(r.Presigned)
		return err
	})
	r.do(stepAbort, func() error {
		if _, err := j.unfinished(); err != nil {
			return err
		}
		return c.each([]string{"backend", "cleanup", at(""), "-o", "max-age=0"})
	})
	r.do(stepDelete, func() error { return c.each([]string{"deletefile", at(keyDoomed)}) })
	return r
}

func s3cmdSubject(path string) subject {
	return subject{
		name: "s3cmd", part: 5 * mib, above: 5 * mib, keys: specialKeys[:1],
		lacks: map[string]string{stepPresign: "signurl signs as S3 did before 2014"},
		run: func(j job) (report, error) {
			scheme, host, _ := strings.Cut(j.Endpoint, "://")
			bucketHost := host
			if j.Virtual {
				bucketHost = "%(bucket)s." + host
			}
			config := filepath.Join(j.Down, ".s3cfg")
			text := fmt.Sprintf("[default]\naccess_key = %s\nsecret_key = %s\nhost_base = %s\nhost_bucket = %s\nuse_https = %v\nca_certs_file = %s\n"+
				"multipart_chunk_size_mb = 5\nbucket_location = us-east-1\n", j.AccessKey, j.SecretKey, host, bucketHost, scheme == "https", j.CA)
			if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
				return report{}, err
			}
			c := &commandLine{job: j, path: path, args: []string{"--config", config, "--no-progress"}, env: []string{"LC_ALL=C.UTF-8"}}
			return c.s3cmd(), nil
		},
	}
}

// s3cmd does a job with s3cmd.
func (c *commandLine) s3cmd() (r report) {
	j := c.job
	r.do(stepMake, func() error { return c.each([]string{"mb", "s3://" + j.Bucket}) })
	r.do(stepPut, func() error { return c.each([]string{"put", "--recursive", j.Up + "/", c.url("")}) })
	r.do(stepStream, func() error { return c.pour(j.Stream, "put", "-", c.url(keyStream)) })
	r.do(stepSpecial, func() error {
		return j.eachSpecial(func(s special) error { return c.each([]string{"put", s.Up, c.url(s.Key)}) })
	})
	r.do(stepList, func() error {
		out, err := c.run("ls", "--recursive", "s3://"+j.Bucket)
		r.List = map[string]int64{}
		for line := range strings.Lines(out) {
			before, key, _ := strings.Cut(strings.TrimSuffix(line, "\n"), c.url(""))
			words := strings.Fields(before) // day, time, size
			if len(words) != 3 {
				return fmt.Errorf("ls prints %q", line)
			}
			if r.List[key], err = strconv.ParseInt(words[2], 10, 64); err != nil {
				return err
			}
		}
		return err
	})
	r.do(stepHead, func() error {
		out, err := c.run("info", c.url(keySource))
		fields := map[string]string{}
		for line := range strings.Lines(out) {
			name, value, _ := strings.Cut(line, ":")
			fields[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
		size, perr := strconv.ParseInt(fields["File size"], 10, 64)
		r.Heads = map[string]head{keySource: {fields["MD5 sum"], fields["x-amz-meta-cid"], size}}
		return errors.Join(err, perr)
	})
	r.do(stepGet, func() error {
		err := j.eachSpecial(func(s special) error { return c.each([]string{"get", c.url(s.Key), s.Down}) })
		for _, dir := range []string{"size/", "keys/"} {
			err = errors.Join(err, os.Mkdir(filepath.Join(j.Down, dir), 0o700), c.each([]string{"get", "--recursive", "--exclude", "keys//*", c.url(dir), filepath.Join(j.Down, dir) + "/"}))
		}
		return err
	})
	r.do(stepCopy, func() error {
		return c.each([]string{"cp", c.url(keySource), c.url(keyCopied)}, []string{"cp", c.url(keySource), c.url(keyDoomed)})
	})
	r.do(stepRange, c.resume)
	r.do(stepAbort, func() error {
		id, err := j.unfinished()
		if err != nil {
			return err
		}
		return c.each([]string{"abortmp", c.url(keyAborted), id})
	})
	r.do(stepDelete, func() error { return c.each([]string{"del", c.url(keyDoomed)}) })
	return r
}

// resume asks for a range in the one way that s3cmd has: it goes on with a
// file of which it has the first bytes.
func (c *commandLine) resume() error {
	part := filepath.Join(c.job.Down, "part")
	whole, err := os.ReadFile(filepath.Join(c.job.Up, keyBig))
	if err != nil {
		return err
	}
	if err := os.WriteFile(part, whole[:rangeFirst], 0o600); err != nil {
		return err
	}
	if err := c.each([]string{"get", "--continue", c.url(keyBig), part}); err != nil {
		return err
	}
	got, err := os.ReadFile(part)
	if err != nil || len(got) != len(whole) {
		return fmt.Errorf("%d bytes of %d, %v", len(got), len(whole), err)
	}
	return os.WriteFile(filepath.Join(c.job.Down, fileRange), got[rangeFirst:rangeLast+1], 0o600)
}
