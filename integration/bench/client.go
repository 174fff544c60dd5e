package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

const (
	bucket = "bench"
	region = "us-east-1"
	access = "benchaccesskey"
	secret = "benchsecretkey0123456789"

	chunkSize = 64 << 10
)

// A body is an object's key and bytes, and what a signature needs of them. It
// is made before the clock starts, as the measured machine is the client's too.
type body struct {
	key    string
	data   []byte
	sum    string
	chunks []string // SHA-256 of each chunk
}

func newBody(key string, data []byte) body {
	b := body{key: key, data: data, sum: hexSum(data)}
	for rest := data; len(rest) > 0; {
		k := min(chunkSize, len(rest))
		b.chunks = append(b.chunks, hexSum(rest[:k]))
		rest = rest[k:]
	}
	return b
}

func hexSum(p []byte) string {
	sum := sha256.Sum256(p)
	return hex.EncodeToString(sum[:])
}

// A client is one connection. It costs next to nothing, so that the server is
// what is measured, and signs every request.
type client struct {
	host string
	conn net.Conn // nil after the server closed it
	r    *bufio.Reader
	buf  [128 << 10]byte

	day    string
	dayKey []byte
}

func dial(s *server) (*client, error) {
	c := &client{host: s.addr, r: bufio.NewReaderSize(nil, 64<<10)}
	return c, c.connect()
}

func (c *client) connect() (err error) {
	if c.conn, err = net.Dial("tcp", c.host); err != nil {
		return err
	}
	c.r.Reset(c.conn)
	return nil
}

func (c *client) close() {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}

// send sends a request, on a new connection if the last answer ended the old one.
func (c *client) send(request net.Buffers) error {
	if c.conn == nil {
		if err := c.connect(); err != nil {
			return err
		}
	}
	_, err := request.WriteTo(c.conn)
	return err
}

func mac(key []byte, data string) []byte {
	h := hmac.New(sha256.New, key)
	io.WriteString(h, data)
	return h.Sum(nil)
}

// key is the signing key of a day.
func (c *client) key(day string) []byte {
	if c.day != day {
		c.day, c.dayKey = day, mac(mac(mac(mac([]byte("AWS4"+secret), day), region), "s3"), "aws4_request")
	}
	return c.dayKey
}

// head is the signed head of a request without its last empty line.
func (c *client) head(method, path, sum, more, signedMore, names string) (head string, key []byte, stamp, scope, signature string) {
	stamp = time.Now().UTC().Format("20060102T150405Z")
	day := stamp[:8]
	key = c.key(day)
	scope = day + "/" + region + "/s3/aws4_request"
	signed := "host;x-amz-content-sha256;x-amz-date" + names
	canonical := method + "\n" + path + "\n\nhost:" + c.host + "\nx-amz-content-sha256:" + sum + "\nx-amz-date:" + stamp + "\n" + signedMore + "\n" + signed + "\n" + sum
	signature = hex.EncodeToString(mac(key, "AWS4-HMAC-SHA256\n"+stamp+"\n"+scope+"\n"+hexSum([]byte(canonical))))
	head = method + " " + path + " HTTP/1.1\r\nHost: " + c.host + "\r\nX-Amz-Date: " + stamp + "\r\nX-Amz-Content-Sha256: " + sum +
		"\r\nAuthorization: AWS4-HMAC-SHA256 Credential=" + access + "/" + scope + ", SignedHeaders=" + signed + ", Signature=" + signature + "\r\n" + more
	return head, key, stamp, scope, signature
}

func (c *client) put(b *body, payload string) error {
	path := "/" + bucket + "/" + b.key
	length := fmt.Sprintf("Content-Length: %d\r\n", len(b.data))
	switch payload {
	case "signed", "unsigned":
		sum := b.sum
		if payload == "unsigned" {
			sum = "UNSIGNED-PAYLOAD"
		}
		head, _, _, _, _ := c.head("PUT", path, sum, length, "", "")
		return c.exchange(net.Buffers{[]byte(head + "\r\n"), b.data})
	case "chunked":
		return c.exchange(c.chunked(path, b))
	}
	return fmt.Errorf("no payload mode %q", payload)
}

// chunked frames a body as STREAMING-AWS4-HMAC-SHA256-PAYLOAD.
func (c *client) chunked(path string, b *body) net.Buffers {
	const mode = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	frame := len(";chunk-signature=") + 64 + 4
	total := len("0") + frame
	for left := len(b.data); left > 0; left -= chunkSize {
		k := min(chunkSize, left)
		total += len(fmt.Sprintf("%x", k)) + frame + k
	}
	decoded := fmt.Sprint(len(b.data))
	head, key, stamp, scope, previous := c.head("PUT", path, mode,
		fmt.Sprintf("Content-Length: %d\r\nContent-Encoding: aws-chunked\r\nX-Amz-Decoded-Content-Length: %s\r\n", total, decoded),
		"x-amz-decoded-content-length:"+decoded+"\n", ";x-amz-decoded-content-length")
	const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	out := net.Buffers{[]byte(head + "\r\n")}
	rest := b.data
	for _, sum := range append(b.chunks, empty) {
		k := min(chunkSize, len(rest))
		previous = hex.EncodeToString(mac(key, "AWS4-HMAC-SHA256-PAYLOAD\n"+stamp+"\n"+scope+"\n"+previous+"\n"+empty+"\n"+sum))
		out = append(out, fmt.Appendf(nil, "%x;chunk-signature=%s\r\n", k, previous), rest[:k], []byte("\r\n"))
		rest = rest[k:]
	}
	return out
}

// get reads an object and compares it with what it must be.
func (c *client) get(b *body) error {
	head, _, _, _, _ := c.head("GET", "/"+bucket+"/"+b.key, hexSum(nil), "", "", "")
	if err := c.send(net.Buffers{[]byte(head + "\r\n")}); err != nil {
		return err
	}
	return c.answer(b.data)
}

// exchange sends a request whose answer has nothing of interest.
func (c *client) exchange(request net.Buffers) error {
	if err := c.send(request); err != nil {
		return err
	}
	return c.answer(nil)
}

// answer reads a response, whose body must be want. It does so in pieces that
// stay in the processor's cache.
func (c *client) answer(want []byte) error {
	res, err := c.response()
	if err != nil {
		return err
	}
	if res.Close {
		defer c.close()
	}
	if res.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(res.Body, 1<<10))
		return fmt.Errorf("status %s: %s", res.Status, text)
	}
	for {
		n, err := res.Body.Read(c.buf[:])
		if n > len(want) || !bytes.Equal(c.buf[:n], want[:n]) {
			return errors.New("wrong bytes")
		}
		want = want[n:]
		switch {
		case err == io.EOF && len(want) > 0:
			return fmt.Errorf("%d bytes are missing", len(want))
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
	}
}

// response reads the head of a response. One of the usual kind, with a length
// and not the last of its connection, is read without much ado.
func (c *client) response() (*http.Response, error) {
	for n := 512; n <= c.r.Size(); n *= 2 {
		head, err := c.r.Peek(min(n, max(c.r.Buffered(), 1)))
		if err != nil {
			return nil, err
		}
		end := bytes.Index(head, []byte("\r\n\r\n"))
		if end < 0 {
			continue
		}
		head = head[:end+2]
		_, length, ok := bytes.Cut(head, []byte("\r\nContent-Length: "))
		if !ok || !bytes.HasPrefix(head, []byte("HTTP/1.1 200 ")) || bytes.Contains(head, []byte("\r\nConnection: close\r\n")) {
			break
		}
		length, _, _ = bytes.Cut(length, []byte("\r\n"))
		size, err := strconv.ParseInt(string(length), 10, 64)
		if err != nil {
			return nil, err
		}
		c.r.Discard(end + 4)
		return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(io.LimitReader(c.r, size))}, nil
	}
	return http.ReadResponse(c.r, nil)
}

// makeBucket makes the bucket, and with it finds out that the server serves.
func (s *server) makeBucket(ctx context.Context) error {
	var err error
	for range 200 {
		var c *client
		if c, err = dial(s); err == nil {
			head, _, _, _, _ := c.head("PUT", "/"+bucket, hexSum(nil), "Content-Length: 0\r\n", "", "")
			err = c.exchange(net.Buffers{[]byte(head + "\r\n")})
			c.close()
			if err == nil {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
	return fmt.Errorf("make the bucket: %w", err)
}
