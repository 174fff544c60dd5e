package piece

// Keep sets how many blocks are remembered between the two passes of packing.
func (p *Pieces) Keep(n int) { p.keep = n }
