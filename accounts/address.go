package accounts

import "github.com/filecoin-project/go-address"

// maxAddress is the length of the longest address on Filecoin, in characters.
const maxAddress = 128

// checkAddress refuses what is no address on Filecoin: its checksum must fit.
func checkAddress(s string) error {
	if len(s) > maxAddress {
		return invalid("an address has at most %d characters", maxAddress)
	}
	if a, err := address.NewFromString(s); err != nil || a == address.Undef {
		return invalid("%q is no address on Filecoin", s)
	}
	return nil
}
