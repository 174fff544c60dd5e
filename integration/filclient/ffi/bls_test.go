package ffi_test

import (
	"encoding/base64"
	"encoding/hex"
	"testing"

	ffi "github.com/filecoin-project/filecoin-ffi"
	"github.com/filecoin-project/go-address"
)

// What `lotus wallet export` and `lotus wallet sign` gave for one key and the message "DUKE".
const (
	lotusKey       = "hbp/yFfRt9QLCqkmVaqAWRCoPUgw1KwiqqnshNIpNWQ="
	lotusAddress   = "f3rpskqryflc2sqzzzu7j2q6fecrkdkv4p2avpf4kyk5u754he7g6cr2rbpmif7pam5oxbme2oyzot4ry3d74q"
	lotusMessage   = "DUKE"
	lotusSignature = "80cef41af956cf6855725a5af0d8d956ea41f6da2688cc1f436a7ea5ebd15d96ba384746b819c0836c53a54d6d30b0a70b528204e9da92f833031e7a4776f57bad83e033ea0235bad0f8a5337a4eb66870fc0429175ed63f91203ec1b65c6e31"
)

func knownKey(t *testing.T) ffi.PrivateKey {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(lotusKey)
	if err != nil {
		t.Fatal(err)
	}
	return ffi.PrivateKey(raw)
}

func TestKnownAnswers(t *testing.T) {
	key := knownKey(t)
	public := ffi.PrivateKeyPublicKey(key)
	address.CurrentNetwork = address.Mainnet
	addr, err := address.NewBLSAddress(public[:])
	if err != nil {
		t.Fatal(err)
	}
	if addr.String() != lotusAddress {
		t.Errorf("address = %s, want %s", addr, lotusAddress)
	}
	sig := ffi.PrivateKeySign(key, []byte(lotusMessage))
	if got := hex.EncodeToString(sig[:]); got != lotusSignature {
		t.Errorf("signature = %s, want %s", got, lotusSignature)
	}
	if !ffi.HashVerify(sig, []ffi.Message{[]byte(lotusMessage)}, []ffi.PublicKey{*public}) {
		t.Error("Lotus' signature does not verify")
	}
}

// TestVerifyFailsClosed asks about signatures that are none.
func TestVerifyFailsClosed(t *testing.T) {
	key, other := knownKey(t), ffi.PrivateKeyGenerate()
	msg := []byte(lotusMessage)
	sig, theirs := ffi.PrivateKeySign(key, msg), ffi.PrivateKeySign(other, msg)
	pub, otherPub := *ffi.PrivateKeyPublicKey(key), *ffi.PrivateKeyPublicKey(other)
	bent := *sig
	bent[40] ^= 1
	infinity, infinityKey := ffi.Signature{0xc0}, ffi.PublicKey{0xc0}
	cases := map[string]struct {
		sig  *ffi.Signature
		msgs []ffi.Message
		keys []ffi.PublicKey
	}{
		"another message":    {sig, []ffi.Message{[]byte("EARL")}, []ffi.PublicKey{pub}},
		"another key":        {sig, []ffi.Message{msg}, []ffi.PublicKey{otherPub}},
		"another signature":  {theirs, []ffi.Message{msg}, []ffi.PublicKey{pub}},
		"a bit of it":        {&bent, []ffi.Message{msg}, []ffi.PublicKey{pub}},
		"zeros":              {new(ffi.Signature), []ffi.Message{msg}, []ffi.PublicKey{pub}},
		"point at infinity":  {&infinity, []ffi.Message{msg}, []ffi.PublicKey{infinityKey}},
		"no signature":       {nil, []ffi.Message{msg}, []ffi.PublicKey{pub}},
		"no message":         {sig, nil, nil},
		"a key without one":  {sig, []ffi.Message{msg}, []ffi.PublicKey{pub, otherPub}},
		"a message too many": {sig, []ffi.Message{msg, msg}, []ffi.PublicKey{pub}},
		"key of zeros":       {sig, []ffi.Message{msg}, []ffi.PublicKey{{}}},
		"half an aggregate":  {sig, []ffi.Message{msg, []byte("EARL")}, []ffi.PublicKey{pub, otherPub}},
	}
	for name, c := range cases {
		if ffi.HashVerify(c.sig, c.msgs, c.keys) {
			t.Errorf("%s: verifies", name)
		}
	}
	if !ffi.HashVerify(theirs, []ffi.Message{msg}, []ffi.PublicKey{otherPub}) {
		t.Error("a generated key's signature does not verify")
	}
}

// TestNoKey: nothing is signed with what is no key.
func TestNoKey(t *testing.T) {
	for name, key := range map[string]ffi.PrivateKey{"zero": {}, "above the order": {31: 0xff}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: signs", name)
				}
			}()
			ffi.PrivateKeySign(key, []byte(lotusMessage))
		}()
	}
}
