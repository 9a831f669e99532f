package vtab

import "container/list"

// A join by a required parameter reads a list for each new value, the members of each group say. Values
// rarely come again, so that keeping all lists would keep all memberships of an org. Those used last are
// kept.
const (
	maxRecent = 100_000 // objects on shelves that nobody reads
	maxOpen   = 16      // shelves that nobody reads and that aren't full: each holds a page
)

// recent are the shelves of scans with required parameters, the one used last in front.
type recent struct {
	shelves list.List // of *shelf
	objects int       // on shelves that nobody reads
	open    int       // shelves that nobody reads and that aren't full
	// most is the limit for objects; 0: maxRecent.
	most int
}

// lend notes that somebody begins to read a shelf.
func (r *recent) lend(sh *shelf) {
	if sh.place == nil {
		sh.place = r.shelves.PushFront(sh)
	} else {
		r.shelves.MoveToFront(sh.place)
		if sh.readers == 0 {
			r.count(sh, -1)
		}
	}
	sh.readers++
}

// giveBack notes that somebody has read what he wanted of a shelf, and returns those to forget.
func (r *recent) giveBack(sh *shelf) (old []*shelf) {
	sh.readers--
	if sh.readers > 0 {
		return nil
	}
	r.count(sh, 1)
	most := r.most
	if most == 0 {
		most = maxRecent
	}
	for e := r.shelves.Back(); e != nil && (r.objects > most || r.open > maxOpen); {
		sh, before := e.Value.(*shelf), e.Prev()
		if sh.readers == 0 && (r.objects > most || !sh.full) {
			r.count(sh, -1)
			r.shelves.Remove(e)
			old = append(old, sh)
		}
		e = before
	}
	return old
}

// count adds what an unread shelf holds, or takes it off, which is as much: nobody reads it in between.
func (r *recent) count(sh *shelf, sign int) {
	r.objects += sign * len(sh.objects)
	if !sh.full {
		r.open += sign
	}
}

// lent are rows of a shelf that goes back when they are closed.
type lent struct {
	Rows
	stmt  *Stmt
	shelf *shelf
}

// Close gives the shelf back.
func (l *lent) Close() error {
	for _, old := range l.stmt.shelves.recent.giveBack(l.shelf) {
		delete(l.stmt.shelves.lists, old.id)
		if err := old.rows.Close(); err != nil {
			return err
		}
	}
	return l.Rows.Close()
}
