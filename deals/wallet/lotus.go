package wallet

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
)

// keyInfo is a key as Lotus exports it: this JSON, in hexadecimal digits.
type keyInfo struct {
	Type       Type
	PrivateKey []byte
}

// maxKeyFile is far more than a key takes.
const maxKeyFile = 4096

// encode returns what `lotus wallet import` takes.
func (k *Key) encode() ([]byte, error) {
	plain, err := json.Marshal(keyInfo{k.typ, k.Secret()})
	if err != nil {
		return nil, errors.New("the key cannot be encoded") // never with its bytes
	}
	return hex.AppendEncode(nil, plain), nil
}

// decodeKey reads what `lotus wallet export` printed, in hexadecimal digits or
// as the JSON that they stand for. Its errors name nothing of what it read.
func decodeKey(data []byte) (*Key, error) {
	if len(data) > maxKeyFile {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrKeyFile, maxKeyFile)
	}
	plain := bytes.TrimSpace(data)
	if !bytes.HasPrefix(plain, []byte("{")) {
		var err error
		if plain, err = hex.AppendDecode(nil, plain); err != nil {
			return nil, fmt.Errorf("%w: neither hexadecimal digits nor JSON", ErrKeyFile)
		}
	}
	var info keyInfo
	if err := json.Unmarshal(plain, &info); err != nil || info.PrivateKey == nil {
		return nil, fmt.Errorf(`%w: not the JSON {"Type":…,"PrivateKey":…}`, ErrKeyFile)
	}
	return NewKey(info.Type, info.PrivateKey)
}
