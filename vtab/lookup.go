package vtab

import (
	"fmt"
	"reflect"
)

// A lookup is a plan that SQLite runs for one value after another. What it keeps is found by texts that say
// what was asked; they are made once, as long as only the value changes.
type lookup struct {
	last Scan   // the last one
	id   string // of what all its scans ask, without required values
	ring *keyring
	list string // the id of the shelf with the whole table
	guess
}

// lookup returns the lookup that a scan is part of.
func (s *Stmt) lookup(scan *Scan) (*lookup, error) {
	if s.shelves.lookups == nil {
		s.shelves.lookups = map[int]*lookup{}
	}
	l := s.shelves.lookups[scan.Plan]
	if l != nil && !l.same(scan) {
		if err := l.forget(0); err != nil {
			return nil, err
		}
		l = nil
	}
	if l == nil {
		l = &lookup{id: scanID(scan)}
		s.shelves.lookups[scan.Plan] = l
	}
	l.last = *scan
	return l, nil
}

// same reports whether a scan asks the same as the last one, but for the values that are looked up.
func (l *lookup) same(scan *Scan) bool {
	return reflect.DeepEqual(l.last.Orgs, scan.Orgs) && sameTerms(l.last.Terms, scan.Terms) && sameTerms(l.last.Params, scan.Params) &&
		(scan.Key == nil || sameTerms(l.last.Required, scan.Required))
}

func sameTerms(a, b []Term) bool {
	return len(a) == 0 && len(b) == 0 || reflect.DeepEqual(a, b)
}

// scanID is the same for scans that ask the same of the same objects, whatever the key or the required values.
func scanID(s *Scan) string {
	order := ""
	if s.Order != nil {
		order = fmt.Sprint(s.Order.Name, s.Desc)
	}
	return fmt.Sprintf("%s %x %q %s %s %s", s.Table.Path(), s.Used, s.Orgs, signature(s.Params), signature(s.Terms), order)
}

// shelfID is the same for scans that ask the same.
func (l *lookup) shelfID(s *Scan) string { return l.id + "|" + signature(s.Required) }

// withRequired is a scan with another value of its only required parameter.
func withRequired(s *Scan, value string) *Scan {
	one := *s
	one.Required = []Term{{Column: s.Required[0].Column, Op: OpEqual, Values: []any{value}}}
	return &one
}

// listAhead begins the lists that the next rows of the outer table will want. sh is the one that is wanted
// now.
func (s *Stmt) listAhead(t *table, scan *Scan, l *lookup, sh *shelf) error {
	if len(scan.Required) != 1 || !scan.often {
		return nil
	}
	value, ok := scan.onlyValue(scan.Required[0])
	if !ok {
		l.skip(s)
		return nil
	}
	most := MostAhead(t.res)
	rows, lookups := l.look(s, scan.Plan, value, most)
	if lookups <= 0 {
		return nil
	}
	ctx := s.db.conn.GetInterrupt()
	if sh.untouched() {
		begin(ctx, sh.rows) // before those that can wait
	}
	for ; l.known < rows && lookups > 0; l.known++ {
		next, ok := l.ahead(l.known, len(scan.Orgs) > 0)
		if !ok {
			break
		}
		one := withRequired(scan, next)
		id := l.shelfID(one)
		if next == "" || s.shelves.lists[id] != nil {
			continue
		}
		early, err := s.shelf(t, one, id)
		if err != nil {
			continue // it is told when SQLite comes to this value
		}
		begin(ctx, early.rows)
		lookups--
		if err := l.noteAll([]string{next}, 1, func() error { return s.forget(early) }, 2*most); err != nil {
			return err
		}
	}
	return nil
}

// onlyValue is the text that a condition compares with; ok is false where it is something else.
func (s *Scan) onlyValue(t Term) (text string, ok bool) {
	if len(t.Values) != 1 {
		return "", false
	}
	text, ok = t.Values[0].(string)
	return text, ok && text != ""
}

// untouched reports whether nobody has read of the shelf.
func (s *shelf) untouched() bool { return len(s.objects) == 0 && !s.full && s.err == nil }

// forget closes a shelf that nobody has come for.
func (s *Stmt) forget(sh *shelf) error {
	if sh.place != nil || s.shelves.lists[sh.id] != sh {
		return nil // somebody has, and it is among the recent ones
	}
	delete(s.shelves.lists, sh.id)
	return sh.rows.Close()
}
