package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
)

// A key and address that other Filecoin wallets derive from the words "equip
// will roof matter pink blind book anxiety banner elbow sun young", path m/44'/461'/0/0/0.
const (
	knownKey     = "f15716d3b003b304b8055d9cc62e6b9c869d56cc930c3858d4d7c31f5f53f14a"
	knownAddress = "f1d2xrzcslx7xlbbylc5c3d5lvandqw4iwl6epxba"
)

func knownOptions(t testing.TB) options {
	t.Helper()
	key, err := hex.DecodeString(knownKey)
	if err != nil {
		t.Fatal(err)
	}
	return options{RPC: closedPort(t), Key: key}
}

// closedPort is the URL of a chain that nobody serves.
func closedPort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	return "http://" + l.Addr().String()
}

// A talk is one run of serve, over pipes.
type talk struct {
	t    *testing.T
	in   io.WriteCloser
	out  *bufio.Scanner
	done chan error
}

func newTalk(t *testing.T) *talk {
	t.Helper()
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	k := &talk{t: t, in: inW, out: bufio.NewScanner(outR), done: make(chan error, 1)}
	go func() {
		err := serve(context.Background(), inR, outW)
		outW.Close()
		k.done <- err
	}()
	t.Cleanup(func() { inW.Close() })
	return k
}

func (k *talk) ask(line string) (text string, a struct {
	ID     int64
	Result json.RawMessage
	Error  *failure
}) {
	k.t.Helper()
	if _, err := fmt.Fprintln(k.in, line); err != nil {
		k.t.Fatal(err)
	}
	if !k.out.Scan() {
		k.t.Fatalf("no answer to %s", line)
	}
	if err := json.Unmarshal(k.out.Bytes(), &a); err != nil {
		k.t.Fatalf("answer %s: %v", k.out.Bytes(), err)
	}
	return k.out.Text(), a
}

func startLine(t *testing.T, opt options) string {
	t.Helper()
	b, err := json.Marshal(map[string]any{"id": 1, "method": "start", "params": opt})
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestServe(t *testing.T) {
	k := newTalk(t)
	opt := knownOptions(t)
	_, a := k.ask(startLine(t, opt))
	var s started
	if err := json.Unmarshal(a.Result, &s); err != nil || a.ID != 1 || s.Address != knownAddress || s.Peer == "" {
		t.Fatalf("start = %+v, want address %s", a, knownAddress)
	}
	for line, code := range map[string]string{
		`{"id":7,"method":"dance"}`:                                                    codeInvalid,
		`{"id":7,"method":"start","params":{}}`:                                        codeInvalid,
		`{"id":7,"method":"ask","params":{"provider":"nobody"}}`:                       codeInvalid,
		`{"id":7,"method":"ask"}`:                                                      codeInvalid,
		`{"id":7,"method":"propose","params":{"deal":"AAAA"}}`:                         codeInvalid,
		`{"id":7,"method":"lock_funds","params":{"amount":"-1"}}`:                      codeInvalid,
		`{"id":7,"method":"make","params":{"provider":"f01000"}}`:                      codeInvalid,
		`{"id":7,"method":"ask","params":{"provider":"f01000"}}`:                       codeChain,
		`{"id":7,"method":"chain_deal","params":{"id":3},"timeout_ms":60000}`:          codeChain,
		`{"id":7,"method":"balance"}`:                                                  codeChain,
		`{"id":7,"method":"status","params":{"provider":"f01000","deal":"` + u + `"}}`: codeChain,
	} {
		if _, a := k.ask(line); a.ID != 7 || a.Error == nil || a.Error.Code != code {
			t.Errorf("%s: %+v, want the error %q", line, a, code)
		} else if strings.Contains(a.Error.Message, opt.RPC) { // there may be an API key in it
			t.Errorf("%s: the answer tells the URL of the chain: %s", line, a.Error.Message)
		}
	}
	k.in.Close()
	if err := <-k.done; err != nil {
		t.Errorf("after its input, serve ends with %v", err)
	}
}

const u = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"

// TestStartTellsNoKey: whatever is wrong with the first line, the answer does not repeat it.
func TestStartTellsNoKey(t *testing.T) {
	good := knownOptions(t)
	short := good
	short.Key = good.Key[:31]
	for name, line := range map[string]string{
		"no JSON":       "f15716d3b003b304b8055d9cc62e6b9c",
		"another verb":  strings.Replace(startLine(t, good), `"start"`, `"ask"`, 1),
		"a short key":   startLine(t, short),
		"no key at all": startLine(t, options{RPC: good.RPC}),
		"no URL":        startLine(t, options{Key: good.Key, RPC: "nowhere/" + knownKey}),
		"a key of text": `{"id":1,"method":"start","params":{"key":"` + knownKey + `!"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			k := newTalk(t)
			text, a := k.ask(line)
			if a.Error == nil {
				t.Fatalf("started: %s", text)
			}
			for _, part := range []string{knownKey[:16], strings.ToUpper(knownKey[:16]), "8VcW07ADswS4"} { // hex, and base64
				if strings.Contains(text, part) {
					t.Errorf("the answer tells the key: %s", text)
				}
			}
			if err := <-k.done; err != nil {
				t.Errorf("serve ends with %v", err)
			}
		})
	}
}
