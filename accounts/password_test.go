package accounts

import (
	"errors"
	"strings"
	"testing"
)

func TestParseArgon(t *testing.T) {
	const good = "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$BVtRpZkFPOBxqmPN5Bx7Aq+BGKdJjZ1LZ7n8vVmCTFw"
	h, err := parseArgon(good)
	if err != nil || h.String() != good || string(h.salt) != "saltsalt" {
		t.Errorf("parseArgon = %v, %v", h, err)
	}
	bad := map[string]string{
		"empty":              "",
		"bcrypt":             "$2a$08$r31MZDLMLVcHAUfrePT2H.",
		"another variant":    strings.Replace(good, "argon2id", "argon2i", 1),
		"another version":    strings.Replace(good, "v=19", "v=16", 1),
		"memory of the moon": strings.Replace(good, "m=64", "m=4294967295", 1),
		"time without end":   strings.Replace(good, "t=1", "t=4294967295", 1),
		"no time":            strings.Replace(good, "t=1", "t=0", 1), // argon2 panics
		"no lanes":           strings.Replace(good, "p=1", "p=0", 1), // argon2 panics
		"too many lanes":     strings.Replace(good, "p=1", "p=256", 1),
		"bad salt":           strings.Replace(good, "c2Fs", "c2F!", 1),
		"no hash":            good[:strings.LastIndex(good, "$")+1], // would match anything
		"short hash":         good[:strings.LastIndex(good, "$")+9],
		"one part too many":  good + "$",
	}
	for name, s := range bad {
		if h, err := parseArgon(s); !errors.Is(err, errHash) {
			t.Errorf("%s: parseArgon = %v, %v, want %v", name, h, err, errHash)
		}
	}
}

// FuzzParseArgon reads any string without a panic, and what it accepts it writes
// as it can be read again.
func FuzzParseArgon(f *testing.F) {
	f.Add("$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$BVtRpZkFPOBxqmPN5Bx7Aq+BGKdJjZ1LZ7n8vVmCTFw")
	f.Add("$argon2id$v=19$m=,t=,p=$$")
	f.Fuzz(func(t *testing.T, s string) {
		h, err := parseArgon(s)
		if err != nil {
			return
		}
		again, err := parseArgon(h.String())
		if err != nil || again.String() != h.String() {
			t.Errorf("parseArgon(%q) = %v, then %v, %v", s, h, again, err)
		}
	})
}
