package accounts

import (
	"strings"
	"testing"
)

// What bcryptjs 2.4.3, which V1's pages use, makes of passwords in V1's two ways.
func TestClientHash(t *testing.T) {
	const head = "$2a$08$r31MZDLMLVcHAUfrePT2H."
	long := ".5qKUoK93Ak.g3DCVhAOObtqWjEyvK6" // bcrypt reads 72 bytes at most
	tests := []struct{ password, now, before string }{
		{"password1", "0z6OislUPHYqP3cVkUqCHqvMk7ubKj.", "5SFmMOTsE2WTJ760G33UeCsBrtg.rHe"},
		{"correct horse battery staple", "yI3ftsMl3PQUtjdi4W53PW4ghBMSc9i", "Mum87LLs29PyN8gvUhFafX3ZtNSoMBy"},
		{"a", "LqnE7M78jFh7evZQ9pEJp71zA7MULRm", "HTCwbv4TCeY./R0MZc3n2uG6rOzm/TS"},
		{"päßwörd🔑", "PXOaY8132nU61ApAL1yZms8Lkq6231y", "nlYpeQmrjIk8JVnKt6OC7PsBMksSJWa"},
		{strings.Repeat("x", 43), "p1Wx9jsmkLE1y5hHwwlLH4nJ6uMT7E2", "OG2kW5nF7IkScvijbd/v8PObLVDug/y"},
		{strings.Repeat("x", 71), "GW/f7/TgCFr1DuTXxS0RxhHwrLdnip6", "eF0qGo/m6PNNKFqbwFkZT4OzNP3.9Y6"},
		{strings.Repeat("x", 72), long, long},
		{strings.Repeat("x", 200), long, long},
		{"with\x00nul", "MRQW4umCwNla781cuQGBrXHnxpDuy2O", "yovr6EJ/O5hgmqHnyO71nvOpmYIqRbm"},
		{strings.Repeat("ünïcode", 12), "cCHeWYigAwEI0nNPDApceLYCoG4hcnS", "cCHeWYigAwEI0nNPDApceLYCoG4hcnS"},
	}
	for _, test := range tests {
		if got := clientHash(test.password); got != head+test.now || !isClientHash(got) {
			t.Errorf("clientHash(%q) = %q, want %q", test.password, got, head+test.now)
		}
		if got := oldClientHash(test.password); got != head+test.before || !isClientHash(got) {
			t.Errorf("oldClientHash(%q) = %q, want %q", test.password, got, head+test.before)
		}
	}
	for _, s := range []string{"", head, "password1", head + strings.Repeat("x", 30), head + strings.Repeat("x", 32),
		"$2a$10$r31MZDLMLVcHAUfrePT2H.0z6OislUPHYqP3cVkUqCHqvMk7ubKj."} {
		if isClientHash(s) {
			t.Errorf("isClientHash(%q)", s)
		}
	}
}

// FuzzStoredPassword: what a row has for a password never stops the process,
// and nothing that is no hash matches.
func FuzzStoredPassword(f *testing.F) {
	f.Add("v1:" + strings.Repeat("00", 32) + ":salt")
	f.Add("v1::")
	f.Add("client:$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$BVtRpZkFPOBxqmPN5Bx7Aq+BGKdJjZ1LZ7n8vVmCTFw")
	f.Add("$2a$04$abcdefghijklmnopqrstuus9JZ2cOy.2MvhCOnIgsqXmmezr3wBsi")
	f.Add("$2a$31$")
	f.Fuzz(func(t *testing.T, stored string) {
		if sum, _, err := parseV1(stored); err == nil && len(sum) != 32 {
			t.Errorf("parseV1(%q) = %x", stored, sum)
		}
		if err := checkBcrypt(stored); err == nil && len(stored) != 60 {
			t.Errorf("checkBcrypt(%q) passes", stored)
		}
		if h, err := parseArgon(strings.TrimPrefix(stored, clientForm)); err == nil && (len(h.hash) < 16 || h.memory > 1<<20) {
			t.Errorf("parseArgon(%q) = %v", stored, h)
		}
	})
}
