//go:build integration

package integration

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

// outside matches a system call that reaches for an address beyond this machine.
var outside = regexp.MustCompile(`(?m)^.*(?:connect|sendto|sendmsg|sendmmsg)\(.*(?:sin_addr=inet_addr\("(?:[^1]|1[^2]|12[^7])|inet_pton\(AF_INET6, "[^"]*[2-9a-f]).*$`)

// A node with default settings asks nobody outside this machine: not for its
// address, for peers, names, relays or certificates. Nor does one that takes
// part in the DHT and knows nobody there.
func TestNothingIsDialled(t *testing.T) {
	for _, example := range []string{
		`1 connect(3, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("9.9.9.9")}, 16) = 0`,
		`1 sendto(3, "x", 1, 0, {sa_family=AF_INET, sin_port=htons(1900), sin_addr=inet_addr("239.255.255.250")}, 16) = 1`,
		`1 connect(3, {sa_family=AF_INET6, inet_pton(AF_INET6, "2606:4700::1111", &sin6_addr)}, 28) = 0`,
	} {
		if !outside.MatchString(example) {
			t.Fatalf("the test would miss %s", example)
		}
	}
	if outside.MatchString(`1 connect(3, {sa_family=AF_INET, sin_port=htons(1), sin_addr=inet_addr("127.0.0.1")}, 16) = 0`) {
		t.Fatal("the test takes loopback for outside")
	}
	strace := lookPath(t, "strace")
	for _, args := range [][]string{nil, {"--dht", "server"}} {
		trace := filepath.Join(t.TempDir(), "trace")
		s := &server{t: t, data: t.TempDir(), args: args}
		s.wrap = []string{strace, "-D", "-f", "-qq", "-e", "trace=connect,sendto,sendmsg,sendmmsg", "-o", trace}
		s.up()
		s.makeBucket("public")
		c := s.put("public", "a", blob(2<<20))
		if _, err := s.gateway(&http.Client{Timeout: time.Minute}, "/ipfs/"+c); err != nil {
			t.Error(err)
		}
		for _, path := range []string{"/ipns/example.com/", "/routing/v1/providers/" + c} {
			res, err := http.Get(s.addr["gateway"] + path)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
		}
		s.stop()
		calls, err := os.ReadFile(trace)
		if err != nil || len(calls) == 0 {
			t.Fatalf("trace: %d bytes, %v", len(calls), err)
		}
		for i, call := range outside.FindAllString(string(calls), 5) {
			t.Errorf("%v, call %d: %s", args, i, call)
		}
	}
	// What the regular expression is for: a call that does go out is seen.
	probe := filepath.Join(t.TempDir(), "trace")
	exec.Command(strace, "-f", "-qq", "-e", "trace=connect,sendto", "-o", probe, "bash", "-c", "echo >/dev/udp/192.0.2.1/9").Run()
	if calls, err := os.ReadFile(probe); err != nil || !outside.Match(calls) {
		t.Errorf("a datagram to another machine was not seen: %v\n%s", err, calls)
	}
}
