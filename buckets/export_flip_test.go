package buckets

// HidingWaits says whether someone waits for those who publish before he hides.
func (b *Buckets) HidingWaits() bool {
	if b.publishing.TryRLock() {
		b.publishing.RUnlock()
		return false
	}
	return true
}
