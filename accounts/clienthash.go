package accounts

import (
	"encoding/base64"
	"strings"

	"golang.org/x/crypto/blowfish"
)

// V1's web client never sends a password. It sends bcrypt(password + "-" + salt)
// with one fixed salt, public like the page that has it; before that it sent
// bcrypt(password). Either is as good as the password to a server of V1, and
// here: it only keeps the password itself, which may be used elsewhere too, off
// the wire. So that one account serves V1's clients and those that send the
// password, what is kept is made of the client's hash, and of a password its
// client's hash is computed first.
const (
	clientSalt       = "r31MZDLMLVcHAUfrePT2H."
	clientCost       = 8
	clientHashPrefix = "$2a$08$" + clientSalt
	clientHashSize   = len(clientHashPrefix) + 31
)

// bcryptText is bcrypt's own base64.
var bcryptText = base64.NewEncoding("./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789").WithPadding(base64.NoPadding)

// clientHash is what V1's client makes of a password.
func clientHash(password string) string { return saltedHash(password + "-" + clientHashPrefix) }

// oldClientHash is what it made before.
func oldClientHash(password string) string { return saltedHash(password) }

// isClientHash says whether a secret is no password but what a client of V1 sends.
func isClientHash(secret string) bool {
	return len(secret) == clientHashSize && strings.HasPrefix(secret, clientHashPrefix)
}

// saltedHash is bcrypt with the client's salt, which x/crypto's bcrypt chooses
// itself and never takes. Like every bcrypt it reads 72 bytes at most.
func saltedHash(password string) string {
	salt, err := bcryptText.DecodeString(clientSalt)
	if err != nil {
		panic("accounts: salt of V1: " + err.Error())
	}
	key := append([]byte(password), 0) // as C's strings end
	c, err := blowfish.NewSaltedCipher(key, salt)
	if err != nil {
		panic("accounts: blowfish: " + err.Error()) // only of an empty key
	}
	for range 1 << clientCost {
		blowfish.ExpandKey(key, c)
		blowfish.ExpandKey(salt, c)
	}
	sum := []byte("OrpheanBeholderScryDoubt")
	for block := sum; len(block) > 0; block = block[blowfish.BlockSize:] {
		for range 64 {
			c.Encrypt(block, block)
		}
	}
	return clientHashPrefix + bcryptText.EncodeToString(sum[:23]) // C's bcrypt forgot the last byte
}
