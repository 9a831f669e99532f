package vtab

import (
	"context"
	"math"
	"strings"
	"unicode"

	"github.com/whoql/whoql/catalog"
)

// SQLite gives a join's inner table one value at a time, and waits for its rows before it reads the next
// row of the outer table. The API would answer one call at a time. But the values nearly always are those
// of one column of the outer table, whose next rows are there already: a page of them has come. So what
// the next rows will look up is asked for ahead, and remembered until SQLite comes to it.
//
// Which column it is SQLite doesn't tell. It is learned: the value looked up stands in some column of the
// current row of a table that is open, and the next value stands there too. A wrong guess costs calls and
// never a row, since looking something up ahead only fills the memory of what was looked up.

const (
	// mostAhead is how many rows of the outer table are looked at ahead. It is reached as a disk reads
	// ahead: 1, 2, 4 …, so that a statement that ends soon has asked for little in vain. With the lookup
	// that is waited for and a page of the outer table, it makes the 32 calls that a client keeps under way.
	mostAhead = 30
	// mostObjects bounds what is held of lists that were begun ahead: so many objects, were each list a page.
	mostObjects = mostAhead * 200
	// mostTries is after how many values that stand in no open row none is looked for any more.
	mostTries = 10
)

// MostAhead is how many rows of the outer table are looked at ahead at most, for lookups in a table: for large
// lists fewer.
func MostAhead(r *catalog.Resource) int {
	if list := r.List(); list != nil && list.Page > 0 {
		return max(min(mostAhead, mostObjects/list.Page), 1)
	}
	return mostAhead
}

// A Beginner is Rows that can ask for their first objects before anyone waits for them. Begin returns at
// once; the context is the query's. What goes wrong is told by Next; where Next is never called, nobody is
// told.
type Beginner interface{ Begin(ctx context.Context) }

func begin(ctx context.Context, rows Rows) {
	if b, ok := rows.(Beginner); ok {
		b.Begin(ctx)
	}
}

// A Peeker is Rows that know what comes next. Peek returns the i-th object behind the one that Next gave
// last, counted from 0; ok is false if it isn't there yet. It may be one that Next will leave out.
type Peeker interface {
	Peek(i int) (o Object, ok bool)
}

func peek(rows Rows, i int) (Object, bool) {
	if p, ok := rows.(Peeker); ok {
		return p.Peek(i)
	}
	return Object{}, false
}

// Peek implements [Peeker].
func (r *shelfRows) Peek(i int) (Object, bool) {
	if at := r.at + i; at < len(r.shelf.objects) {
		return r.shelf.objects[at], true
	}
	return peek(r.shelf.rows, r.at+i-len(r.shelf.objects))
}

// Peek implements [Peeker].
func (l *lent) Peek(i int) (Object, bool) { return peek(l.Rows, i) }

// Peek implements [Peeker].
func (r *found) Peek(i int) (Object, bool) {
	if !r.done || i >= len(r.at) {
		return Object{}, false
	}
	return r.shelf.objects[r.at[i]], true
}

// An origin is a column of a table that another plan reads.
type origin struct{ plan, column int }

// A guess is what is known of where a plan's values come from.
type guess struct {
	origins []origin // all that fit the values so far; the first is taken
	fits    int      // values in a row that fitted
	tries   int      // values in a row that didn't
	outer   *cursor
	first   int // the outer row at which it began to fit
	last    int // the outer row looked up last
	used    int // outer rows that looked something up
	window  int // how many outer rows are looked at ahead
	known   int // how many of them are seen to already, as of the outer row at
	at      int

	begun   float64            // calls begun ahead
	hits    float64            // those that were needed
	pending map[string]float64 // what is begun, and its part of a call
	fifo    []early            // those in pending, and some that were needed, the oldest first
}

// An early lookup is one that was begun ahead.
type early struct {
	value string
	drop  func() error // forgets it, and those begun with it
}

// look takes in that a plan looks up a value, and returns how many rows of the outer table to look at
// ahead, and how many calls may be begun for them; 0: none.
func (g *guess) look(s *Stmt, self int, value string, most int) (rows, calls int) {
	g.hits += g.pending[value]
	delete(g.pending, value)
	if g.tries > mostTries || !g.learn(s, self, value) {
		return 0, 0
	}
	if g.fits == 1 { // one row may be all that is wanted
		return 0, 0
	}
	// SQLite may throw rows of the outer table away before it comes to this one. If it does, or if it is
	// known to look at conditions that the API wasn't given, it may throw the next ones away too.
	g.known = max(g.known-(g.outer.count-g.at), 0)
	g.at = g.outer.count
	seen := g.outer.count - g.first + 1
	if g.used*10 < seen*9 {
		g.window = 0
		return 0, 0
	}
	g.window = min(max(2*g.window, 1), most)
	share := 10
	if g.used == seen && len(g.outer.plan.Checked) == 0 {
		if s.whole {
			return g.window, g.window
		}
		share = 5 // SQLite may check what it shows to no table, or have enough rows soon
	}
	return g.window, min(g.window, g.used/share-int(math.Ceil(g.begun-g.hits-0.01))) // what is under way may be in vain
}

// learn looks for the value in the current rows of the statement's other tables.
func (g *guess) learn(s *Stmt, self int, value string) bool {
	var fit []origin
	for _, o := range g.origins {
		if c := s.cursor(o.plan); c != nil && c.value(o.column) == value {
			fit = append(fit, o)
		}
	}
	fresh := len(fit) == 0
	if fresh {
		fit = s.origins(self, value)
	}
	g.origins = fit
	if len(fit) == 0 {
		g.tries++
		g.fits, g.window = 0, 0
		return false
	}
	g.tries = 0
	outer := s.cursor(fit[0].plan)
	if fresh || outer != g.outer {
		g.outer, g.first, g.last, g.used = outer, outer.count, outer.count-1, 0
		g.known, g.at = 0, outer.count
	}
	if fresh {
		g.fits, g.window = 0, 0
	}
	g.fits++
	if g.last != outer.count {
		g.last = outer.count
		g.used++
	}
	return true
}

// ahead returns the value that the i-th outer row behind the current one will look up; ok is false where
// the rows that are there end. A value that can't be looked up is "".
func (g *guess) ahead(i int, oneOrg bool) (value string, ok bool) {
	o, ok := peek(g.outer.rows, i)
	if !ok || oneOrg && o.Org != g.outer.row.obj.Org {
		return "", false // another org's objects are looked up there
	}
	value = g.outer.valueOf(o, g.origins[0].column)
	if strings.ContainsFunc(value, unicode.IsControl) || g.pending[value] > 0 {
		return "", true
	}
	return value, true
}

// noteAll remembers lookups that were begun ahead together, by so many calls, and forgets those that nobody has
// come for: at most so many are held.
func (g *guess) noteAll(values []string, calls int, drop func() error, hold int) error {
	if g.pending == nil {
		g.pending = map[string]float64{}
	}
	for _, v := range values {
		part := float64(calls) / float64(len(values))
		g.begun += part
		g.pending[v] = part
		g.fifo = append(g.fifo, early{v, drop})
	}
	return g.forget(hold)
}

// forget drops all early lookups but so many. Those that were needed are none any more.
func (g *guess) forget(hold int) error {
	for len(g.fifo) > 0 && (g.pending[g.fifo[0].value] == 0 || len(g.fifo) > hold) {
		old := g.fifo[0]
		g.fifo = g.fifo[1:]
		if g.pending[old.value] == 0 {
			continue
		}
		delete(g.pending, old.value)
		if err := old.drop(); err != nil {
			return err
		}
	}
	return nil
}

// skip takes in that an outer row has no value to look up.
func (g *guess) skip(s *Stmt) {
	if len(g.origins) == 0 {
		return
	}
	o := g.origins[0]
	if c := s.cursor(o.plan); c != nil && c == g.outer && c.value(o.column) == "" && g.last != c.count {
		g.last = c.count
		g.used++
	}
}

// open notes that a cursor of the statement has rows.
func (s *Stmt) open(c *cursor) {
	if s.cursors == nil {
		s.cursors = map[int]*cursor{}
	}
	s.cursors[c.plan.ID] = c
	c.stmt = s
}

// left notes that a cursor ends.
func (s *Stmt) left(c *cursor) {
	if c.plan != nil && s.cursors[c.plan.ID] == c {
		delete(s.cursors, c.plan.ID)
	}
}

// cursor returns a plan's cursor, if it stands on a row.
func (s *Stmt) cursor(plan int) *cursor {
	if c := s.cursors[plan]; c != nil && c.rows != nil && !c.eof {
		return c
	}
	return nil
}

// origins are the columns of open tables whose current value is the one given. Only those that the
// statement uses can be: the others it can't read.
func (s *Stmt) origins(self int, value string) []origin {
	var out []origin
	for _, p := range s.loops.plans {
		c := s.cursor(p.ID)
		if c == nil || p.ID == self {
			continue
		}
		for n := range c.t.res.Columns {
			if c.plan.Used&bit(n) != 0 && c.value(n) == value {
				out = append(out, origin{p.ID, n})
			}
		}
	}
	return out
}

// value is the text in a column of the current row; "" for what isn't one.
func (c *cursor) value(column int) string { return c.valueOf(c.row.obj, column) }

func (c *cursor) valueOf(o Object, column int) string {
	switch col := c.t.res.Columns[column]; col.Kind {
	case catalog.KindOrg, catalog.KindParameter:
		return ""
	case catalog.KindRequired:
		return o.Required[c.t.layout.required[column]]
	default:
		text, _ := fieldValue(o, col).(string)
		return text
	}
}
