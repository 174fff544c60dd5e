package md5lane

// Paired says whether two bodies are hashed at once here.
const Paired = paired

// Waits says whether a body waits for another.
func Waits(h *Hash) bool {
	desk.mu.Lock()
	defer desk.mu.Unlock()
	return desk.waiting != nil && desk.waiting.owner == h
}
