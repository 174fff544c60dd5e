package node

import (
	"bytes"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ipfs/boxo/ipns"
	"github.com/ipfs/boxo/path"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
)

// A signer makes records of one name.
type signer struct {
	t    *testing.T
	key  crypto.PrivKey
	name ipns.Name
}

func newSigner(t *testing.T) signer {
	t.Helper()
	key, _, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id, err := peer.IDFromPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return signer{t, key, ipns.NameFromPeer(id)}
}

func (s signer) sign(value string, seq uint64, valid time.Duration) []byte {
	s.t.Helper()
	p, err := path.NewPath(value)
	if err != nil {
		s.t.Fatal(err)
	}
	rec, err := ipns.NewRecord(s.key, p, seq, time.Now().Add(valid), time.Minute)
	if err != nil {
		s.t.Fatal(err)
	}
	data, err := ipns.MarshalRecord(rec)
	if err != nil {
		s.t.Fatal(err)
	}
	return data
}

func TestRecords(t *testing.T) {
	dir := t.TempDir()
	r := newRecords(dir)
	s, other := newSigner(t), newSigner(t)
	target := "/ipfs/" + rawBlock("x").Cid().String()
	first, second := s.sign(target, 1, time.Hour), s.sign(target, 2, time.Hour)
	damaged := bytes.Clone(second)
	damaged[len(damaged)/2] ^= 1
	for _, tt := range []struct {
		name string
		data []byte
		want error
		here []byte // afterwards
	}{
		{"not a record", []byte("hello"), ErrBadRecord, nil},
		{"another name's", other.sign(target, 9, time.Hour), ErrBadRecord, nil},
		{"expired", s.sign(target, 9, -time.Hour), ErrBadRecord, nil},
		{"too long", make([]byte, maxRecord+1), ErrBadRecord, nil},
		{"the first", first, nil, first},
		{"the first again", first, nil, first},
		{"a better one, damaged", damaged, ErrBadRecord, first},
		{"a better one", second, nil, second},
		{"an older one", first, ErrOldRecord, second},
	} {
		if err := r.put(s.name, tt.data, false); !errors.Is(err, tt.want) {
			t.Errorf("%s: put = %v, want %v", tt.name, err, tt.want)
		}
		// A new one is what a restart would find.
		data, err := newRecords(dir).get(s.name)
		if tt.here == nil && !errors.Is(err, ErrNotFound) || tt.here != nil && !bytes.Equal(data, tt.here) {
			t.Errorf("%s: then get = %d bytes, %v", tt.name, len(data), err)
		}
	}
}

// What is on the disk is not trusted: not if it was edited, nor if it is old.
func TestRecordsAreCheckedWhenRead(t *testing.T) {
	dir := t.TempDir()
	r := newRecords(dir)
	s := newSigner(t)
	target := "/ipfs/" + rawBlock("x").Cid().String()
	if err := r.put(s.name, s.sign(target, 1, time.Hour), false); err != nil {
		t.Fatal(err)
	}
	for what, data := range map[string][]byte{"damage": []byte("?"), "an expired record": s.sign(target, 5, -time.Second)} {
		if err := os.WriteFile(r.file(s.name), data, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := r.get(s.name); !errors.Is(err, ErrNotFound) {
			t.Errorf("get with %s on the disk: %v, want ErrNotFound", what, err)
		}
	}
	// It is no obstacle to a good one, whose sequence number may be lower.
	if err := r.put(s.name, s.sign(target, 2, time.Hour), false); err != nil {
		t.Errorf("put over an expired record: %v", err)
	}
}

// Strangers may put records, so they must not fill the disk.
func TestRecordsAreBounded(t *testing.T) {
	r := newRecords(t.TempDir())
	r.max = 2
	target := "/ipfs/" + rawBlock("x").Cid().String()
	signers := []signer{newSigner(t), newSigner(t), newSigner(t), newSigner(t)}
	put := func(i int, seq uint64, own bool) error {
		return r.put(signers[i].name, signers[i].sign(target, seq, time.Hour), own)
	}
	for i := range 2 {
		if err := put(i, 1, false); err != nil {
			t.Fatal(err)
		}
	}
	if err := put(2, 1, false); !errors.Is(err, ErrManyRecords) {
		t.Errorf("a third name: %v, want ErrManyRecords", err)
	}
	if err := put(0, 2, false); err != nil {
		t.Errorf("a newer record of a name that is here: %v", err)
	}
	if err := put(3, 1, true); err != nil {
		t.Errorf("a name of our own: %v", err)
	}
	// Two names that have expired make room for one.
	for _, i := range []int{0, 3} {
		if err := os.WriteFile(r.file(signers[i].name), signers[i].sign(target, 9, -time.Hour), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := put(2, 1, false); err != nil {
		t.Errorf("a name after others expired: %v", err)
	}
	files, err := filepath.Glob(filepath.Join(r.dir, "*"))
	if err != nil || len(files) != 2 {
		t.Errorf("files after that: %q, %v; want two", files, err)
	}
}
