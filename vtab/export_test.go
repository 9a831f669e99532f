package vtab

import "time"

// SetBusy sets how long a locked file is waited for, until the test ends.
func SetBusy(t interface{ Cleanup(func()) }, d time.Duration) {
	was := busy
	busy = d
	t.Cleanup(func() { busy = was })
}
