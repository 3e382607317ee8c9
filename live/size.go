package live

import "github.com/timeseam/timeseam/features"

// Sizes are what the views' runs take, in the order of the plan's.
func (e *Engine) Sizes() []features.Size {
	e.mu.RLock()
	defer e.mu.RUnlock()
	all := make([]features.Size, len(e.plan.Views))
	for _, s := range e.shards {
		s.mu.Lock()
		for v, size := range s.state.Sizes() {
			all[v].Add(size)
		}
		s.mu.Unlock()
	}
	return all
}
