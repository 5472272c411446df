package proof

// keptLayers: every layer of the parent stands in the child once, in order.
func (s *space) keptLayers() {
	next, from := 0, s.parent.Model.Layers
	if len(s.claim.Layers) != s.child.Model.Layers {
		s.refusef(condLayers, 0, "", "sources are given for %d layers, the child has %d", len(s.claim.Layers),
			s.child.Model.Layers)
		return
	}
	for i, l := range s.claim.Layers {
		switch {
		case l == NoSource:
		case l != next || l >= from:
			s.refusef(condLayers, i, "", "layer %d computes the parent's layer %d, wanted %d: each once, in order", i, l, next)
			return
		default:
			next++
		}
	}
	if next != from {
		s.refusef(condLayers, next, "", "the parent's layers from %d of %d on are lost", next, from)
		return
	}
	s.hold(condLayers)
}
