package accounts

import (
	"errors"
	"strings"
	"testing"
)

func TestCheckAddress(t *testing.T) {
	for addr, want := range map[string]bool{
		"f1abjxfbp274xpdqcpuaykwkfb43omjotacm2p3za": true, "f01234": true, "t01234": true,
		"f3vvmn62lofvhjd2ugzca6sof2j2ubwok6cj4xxbfzz4yuxfkgobpihhd2thlanmsh3w2ptld2gqkn2jvlss4a": true,
		"": false, "f": false, "f1": false, "x01234": false, "f0": false, "f1abjxfbp274xpdqcpuaykwkfb43omjotacm2p3zb": false,
		" f01234": false, "f01234 ": false, "0x52963EF50e27e06D72D59fcB4F3c2a687BE3cfEf": false, strings.Repeat("f", 1<<16): false,
	} {
		if err := checkAddress(addr); (err == nil) != want || err != nil && !errors.Is(err, ErrInvalid) {
			t.Errorf("checkAddress(%.60q) = %v, want it good: %v", addr, err, want)
		}
	}
}

// FuzzCheckAddress: none stops the process, and no long one passes.
func FuzzCheckAddress(f *testing.F) {
	f.Add("f1abjxfbp274xpdqcpuaykwkfb43omjotacm2p3za")
	f.Add("f410fkkld55ioe7qg24wvt7fu6pbknb56ht7pt4zamxa")
	f.Add("f0")
	f.Fuzz(func(t *testing.T, s string) {
		if err := checkAddress(s); err == nil && (len(s) < 3 || len(s) > maxAddress) {
			t.Errorf("checkAddress(%q) passes", s)
		}
	})
}
