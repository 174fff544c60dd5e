package sandbox

// SignByWorker signs data with the key of a provider's worker, as its operator
// does with `lotus wallet sign`: the type's byte, and the signature.
func (n *Network) SignByWorker(provider string, data []byte) ([]byte, error) {
	p, err := n.provider(provider)
	if err != nil {
		return nil, err
	}
	sig, err := signBytes(p.rec.WorkerKey, data)
	if err != nil {
		return nil, err
	}
	return append([]byte{byte(sig.Type)}, sig.Data...), nil
}
