//go:build integration

package integration

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
)

// remotePin is a line of kubo's `ipfs pin remote ls`.
type remotePin struct{ Status, Cid, Name string }

func (k *kubo) remote(args ...string) []byte {
	k.t.Helper()
	return k.run(append([]string{"pin", "remote"}, args...)...)
}

// listRemote lists pins in some states, by name if that is not "".
func (k *kubo) listRemote(status, name string) (list []remotePin) {
	k.t.Helper()
	args := []string{"ls", "--service=whypfs", "--status=" + status, "--enc=json"}
	if name != "" {
		args = append(args, "--name="+name)
	}
	for d := json.NewDecoder(bytes.NewReader(k.remote(args...))); d.More(); {
		var p remotePin
		if err := d.Decode(&p); err != nil {
			k.t.Fatal(err)
		}
		list = append(list, p)
	}
	return list
}

const everyStatus = "queued,pinning,pinned,failed"

// addFile makes a file of its own in kubo and returns its CID.
func (k *kubo) addFile(body []byte) string {
	k.t.Helper()
	return strings.TrimSpace(string(k.run("add", "-Q", "--pin=false", "--cid-version=1", write(k.t, body))))
}

// kubo pins with this node what it has itself: the node dials it as an origin,
// and serves the data on its gateway when kubo is gone.
func TestKuboRemotePin(t *testing.T) {
	t.Parallel()
	k := startKubo(t)
	s := start(t, t.TempDir())
	k.remote("service", "add", "whypfs", s.addr["api"]+"/pinning", s.setup())
	body, later := blob(5<<20+1), blob(2<<20+9)
	film, song := k.addFile(body), k.addFile(later)

	// In the foreground, until it is pinned.
	var p remotePin
	if err := json.Unmarshal(k.remote("add", "--service=whypfs", "--name=film", "--enc=json", film), &p); err != nil || p != (remotePin{"pinned", film, "film"}) {
		t.Errorf("remote add: %+v, %v", p, err)
	}
	// In the background: it answers at once.
	if err := json.Unmarshal(k.remote("add", "--service=whypfs", "--name=song", "--background", "--enc=json", song), &p); err != nil || p.Cid != song || p.Status == "failed" {
		t.Errorf("remote add --background: %+v, %v", p, err)
	}
	await(t, time.Minute, "the second pin", func() bool { return len(k.listRemote("pinned", "song")) == 1 })
	if list := k.listRemote(everyStatus, ""); len(list) != 2 || list[0].Name != "song" || list[1] != (remotePin{"pinned", film, "film"}) {
		t.Errorf("remote ls: %+v", list)
	}
	// What nobody has stays queued, and its service says so.
	nobody := strings.TrimSpace(string(k.run("add", "-Q", "--only-hash", "--cid-version=1", write(t, []byte("nobody has it")))))
	k.remote("add", "--service=whypfs", "--name=lost", "--background", nobody)
	var stat struct {
		RemoteServices []struct {
			Stat struct {
				Status   string
				PinCount struct{ Queued, Pinning, Pinned, Failed int }
			}
		}
	}
	if err := json.Unmarshal(k.remote("service", "ls", "--stat", "--enc=json"), &stat); err != nil || len(stat.RemoteServices) != 1 {
		t.Fatalf("service ls --stat: %+v, %v", stat, err)
	}
	if st := stat.RemoteServices[0].Stat; st.Status != "valid" || st.PinCount.Pinned != 2 || st.PinCount.Queued != 1 || st.PinCount.Pinning+st.PinCount.Failed != 0 {
		t.Errorf("service ls --stat: %+v", st)
	}
	for root, want := range map[string][]byte{film: body, song: later} {
		if got, err := s.gateway(http.DefaultClient, "/ipfs/"+root); err != nil || !bytes.Equal(got, want) {
			t.Errorf("the gateway: %d bytes, %v, want %d", len(got), err, len(want))
		}
	}
	k.remote("rm", "--service=whypfs", "--cid="+film)
	k.remote("rm", "--service=whypfs", "--name=lost", "--status=queued,pinning,failed")
	if list := k.listRemote(everyStatus, ""); len(list) != 1 || list[0].Name != "song" {
		t.Errorf("after rm: %+v", list)
	}
	k.remote("service", "add", "stranger", s.addr["api"]+"/pinning", "EST00000000-0000-4000-8000-000000000000ARY")
	if out, err := k.try(time.Minute, "pin", "remote", "ls", "--service=stranger"); err == nil || !strings.Contains(err.Error(), "api key does not exist") {
		t.Errorf("a wrong key: %s, %v", out, err)
	}
}

// A kubo that nobody can dial, as behind a NAT, dials the delegates: what it has
// is pinned over that connection.
func TestKuboDialsDelegates(t *testing.T) {
	t.Parallel()
	k := startKubo(t, "Addresses.Announce", `["/ip4/127.0.0.1/tcp/1"]`)
	s := start(t, t.TempDir())
	k.remote("service", "add", "whypfs", s.addr["api"]+"/pinning", s.setup())
	body := blob(3<<20 + 5)
	root := k.addFile(body)
	began := time.Now()
	k.remote("add", "--service=whypfs", "--name=film", root)
	t.Logf("pinned after %v", time.Since(began))
	if got, err := s.gateway(http.DefaultClient, "/ipfs/"+root); err != nil || !bytes.Equal(got, body) {
		t.Errorf("the gateway: %d bytes, %v", len(got), err)
	}
	pins := list[struct{ Origins []string }](s, "pin", "ls", "--user", "admin")
	if len(pins) != 1 || len(pins[0].Origins) == 0 || !strings.HasPrefix(pins[0].Origins[0], "/ip4/127.0.0.1/tcp/1/") {
		t.Errorf("pins %+v: want an origin that nobody can dial", pins)
	}
	if peers := strings.TrimSpace(string(k.run("swarm", "peers"))); !strings.Contains(s.addr["libp2p"], peers) || peers == "" {
		t.Errorf("kubo is connected to %q, want %s", peers, s.addr["libp2p"])
	}
}
