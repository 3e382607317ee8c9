package timetravel

// InBlocks has a run work on so many rows of its spine at a time, for tests of how
// blocks meet.
func (b *Backfill) InBlocks(rows int) { b.blockRows = rows }
