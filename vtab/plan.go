package vtab

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	sqlite3 "github.com/ncruces/go-sqlite3"

	"github.com/whoql/whoql/catalog"
)

// A Plan is what BestIndex settles for one scan of a table before any value is known. SQLite hands
// it from planning to running as idxStr, where it stands as JSON with the keys below: EXPLAIN
// QUERY PLAN shows it, and DecodePlan reads it back.
type Plan struct {
	// ID numbers the plans of a statement, so that a plan that runs can be told from its twin.
	ID int `json:"id"`
	// Table is the resource's path.
	Table string `json:"table"`
	// Key is true if the rows are got by their key, one call each, instead of listed.
	Key bool `json:"key,omitempty"`
	// Args says what each value that SQLite gives to Filter is, in order.
	Args []PlanArg `json:"args,omitempty"`
	// Order, if not nil, is the order in which the API is asked for the rows, and SQLite relies on it.
	Order *PlanOrder `json:"order,omitempty"`
	// Used has bit n set if column n is used; bit 63 stands for column 63 and all behind it.
	Used uint64 `json:"used"`
	// Checked are the conditions that the table was shown and does not hand over, such as
	// "lastLogin <". SQLite checks every condition, these are the ones only SQLite checks.
	Checked []string `json:"checked,omitempty"`
}

// A PlanArg is one value of a plan.
type PlanArg struct {
	// Column is the column's index, -1 for OpLimit and OpOffset.
	Column int `json:"col"`
	Op     Op  `json:"op"`
	// Local is true for a condition that is not handed over, but by which rows that are kept are
	// looked up: see shelf.
	Local bool `json:"local,omitempty"`
	// Later is true for a condition whose value may come from another table. It is handed over only
	// where the plan runs once: a table that is read for each row of another one is listed once, and
	// kept, instead of being searched for each value.
	Later bool `json:"later,omitempty"`
	// Value is the value if the statement's text has it, for EXPLAIN; else nil. Integers may come
	// back as float64, since the plan is JSON.
	Value any `json:"value,omitempty"`
}

// A PlanOrder is a column and its direction.
type PlanOrder struct {
	Column int  `json:"col"`
	Desc   bool `json:"desc,omitempty"`
}

// whole reports whether the plan lists all of the default org, whatever the values. often: the
// statement may run it many times.
func (p *Plan) whole(often bool) bool {
	return !p.Key && p.Order == nil && !slices.ContainsFunc(p.Args, func(a PlanArg) bool { return a.Column >= 0 && a.HandedOver(often) })
}

// HandedOver reports whether the API may be asked to check the condition. often: the statement may run
// the plan many times.
func (a PlanArg) HandedOver(often bool) bool { return !a.Local && !(a.Later && often) }

// An Op is a condition on a column, or a bound of the whole scan.
type Op string

// The conditions that a table hands over. OpLimit and OpOffset say how many rows will be read.
const (
	OpEqual          Op = "="
	OpIn             Op = "IN"
	OpNotEqual       Op = "<>"
	OpLess           Op = "<"
	OpLessOrEqual    Op = "<="
	OpGreater        Op = ">"
	OpGreaterOrEqual Op = ">="
	OpLike           Op = "LIKE" // without ESCAPE
	OpGlob           Op = "GLOB"
	OpNotNull        Op = "IS NOT NULL" // has no value
	OpLimit          Op = "LIMIT"
	OpOffset         Op = "OFFSET"
)

// offers are the conditions that a table can hand over, by SQLite's operator: the condition, and the
// marks in the catalogue of which a column must have one. IN comes as an equality.
var offers = map[sqlite3.IndexConstraintOp]struct {
	op    Op
	marks []string
}{
	sqlite3.INDEX_CONSTRAINT_EQ:        {OpEqual, []string{catalog.PushEqual, catalog.PushRange}},
	sqlite3.INDEX_CONSTRAINT_NE:        {OpNotEqual, []string{catalog.PushNotEqual}},
	sqlite3.INDEX_CONSTRAINT_LT:        {OpLess, []string{catalog.PushRange}},
	sqlite3.INDEX_CONSTRAINT_LE:        {OpLessOrEqual, []string{catalog.PushRange}},
	sqlite3.INDEX_CONSTRAINT_GT:        {OpGreater, []string{catalog.PushRange}},
	sqlite3.INDEX_CONSTRAINT_GE:        {OpGreaterOrEqual, []string{catalog.PushRange}},
	sqlite3.INDEX_CONSTRAINT_LIKE:      {OpLike, []string{catalog.PushPrefix}},
	sqlite3.INDEX_CONSTRAINT_GLOB:      {OpGlob, []string{catalog.PushPrefix}},
	sqlite3.INDEX_CONSTRAINT_ISNOTNULL: {OpNotNull, []string{catalog.PushPresent}},
}

// offered reports whether a column's condition can be handed over.
func (c *chooser) offered(i int, col *catalog.Column) bool {
	con := c.info.Constraint[i]
	if c.isIn(i) {
		return col.Pushes(catalog.PushIn)
	}
	offer := offers[con.Op]
	if !slices.ContainsFunc(offer.marks, col.Pushes) {
		return false
	}
	switch offer.op {
	case OpLike, OpGlob: // which have rules of their own for what is equal
		return c.prefixed(i)
	case OpNotNull:
		return true
	}
	return c.info.Collation(i) == "BINARY" // the bytes are compared
}

// prefixed reports whether a pattern begins with a text. Where it isn't known and there are several
// tables it is taken not to: a table that is listed whole is listed once for all of them.
func (c *chooser) prefixed(i int) bool {
	v, err := c.info.RHSValue(i)
	if err != nil {
		return c.t.db.shape.Single
	}
	pattern, ok := valueOf(v).(string)
	return ok && pattern != "" && !strings.ContainsAny(pattern[:1], "%_*?[")
}

// DecodePlan reads a plan out of idxStr.
func DecodePlan(idxStr string) (*Plan, error) {
	var p Plan
	if err := json.Unmarshal([]byte(idxStr), &p); err != nil {
		return nil, fmt.Errorf("vtab: plan: %w", err)
	}
	return &p, nil
}

// Costs are counted in thousandths of a request, since a request costs a thousand times what
// SQLite spends on a row. The size of an org is not known when SQLite plans: the estimates only
// have to get the order of the tables in a join right.
const (
	costRequest   = 1000
	estimatedOrg  = 100_000
	estimatedPage = 200
	costNever     = 1e15
)

// A table is a resource as SQLite sees it; all uses of the table in all statements share it.
type table struct {
	db     *DB
	res    *catalog.Resource
	src    Source
	layout *layout
}

func newTable(db *DB, r *catalog.Resource, src Source) *table {
	return &table{db: db, res: r, src: src, layout: newLayout(r)}
}

// Open implements https://sqlite.org/vtab.html#xopen.
func (t *table) Open() (sqlite3.VTabCursor, error) { return &cursor{t: t}, nil }

// BestIndex settles the plan of one scan: https://sqlite.org/vtab.html#xbestindex. SQLite calls it
// several times with more or fewer conditions usable, and chooses by cost.
func (t *table) BestIndex(info *sqlite3.IndexInfo) (err error) {
	defer t.db.guard(&err)
	if err := t.db.planning(); err != nil {
		return err
	}
	c := &chooser{t: t, info: info, bound: map[int]int{}, limit: -1, offset: -1}
	if !c.sort() {
		return sqlite3.CONSTRAINT
	}
	t.db.plans++
	c.plan = Plan{ID: t.db.plans, Table: t.res.Path(), Used: info.ColumnsUsed}
	c.choose()
	c.estimate()
	text, err := json.Marshal(&c.plan)
	if err != nil {
		return err
	}
	info.IdxStr = string(text)
	return nil
}

// A chooser sorts the conditions of one BestIndex call and chooses among them.
type chooser struct {
	t    *table
	info *sqlite3.IndexInfo
	plan Plan

	bound         map[int]int // column of a parameter or the org → its constraint
	keys, pushes  []int       // constraints on keys and on columns that the API can search
	locals        []int       // other equalities, by which kept rows can be looked up
	limit, offset int         // constraints, -1: none
	orgLater      bool        // the org is bound by a table that is not read yet
}

func (c *chooser) column(i int) *catalog.Column {
	n := c.info.Constraint[i].Column
	if n < 0 || n >= len(c.t.res.Columns) {
		return nil // the rowid
	}
	return c.t.res.Columns[n]
}

func (c *chooser) isIn(i int) bool { return c.info.In(i, -1) }

// sort looks at each condition. It returns false if no plan is possible as the conditions stand:
// a parameter that is mentioned isn't bound by them.
func (c *chooser) sort() bool {
	for i, con := range c.info.Constraint {
		switch con.Op {
		case sqlite3.INDEX_CONSTRAINT_LIMIT:
			c.limit = i
			continue
		case sqlite3.INDEX_CONSTRAINT_OFFSET:
			c.offset = i
			continue
		}
		col := c.column(i)
		if col == nil {
			continue
		}
		equal := con.Op == sqlite3.INDEX_CONSTRAINT_EQ
		if col.Kind == catalog.KindRequired {
			c.require(i, con.Usable && equal)
			continue
		}
		if col.Kind == catalog.KindParameter || col.Kind == catalog.KindOrg {
			switch {
			case col.Kind == catalog.KindOrg && equal && !con.Usable:
				// Its value comes from a table that is read later: better the other way round, but
				// two tables may have to be in one org, and the first is then in the default one.
				c.orgLater = true
				continue
			case !con.Usable || !equal || col.Kind == catalog.KindParameter && c.isIn(i):
				return c.unbound(col)
			}
			if _, ok := c.bound[con.Column]; !ok {
				c.bound[con.Column] = i
			}
			continue
		}
		if !con.Usable || c.t.db.options.NoPushdown {
			continue
		}
		equal = equal && c.info.Collation(i) == "BINARY"
		if col.Key && equal {
			c.keys = append(c.keys, i)
		}
		if c.offered(i, col) {
			c.pushes = append(c.pushes, i)
		} else if !col.Key && equal && !c.isIn(i) && !c.t.db.shape.Single {
			c.locals = append(c.locals, i)
		}
	}
	return c.allBound()
}

// require notes a condition on a required parameter. One that can't bind it is left to SQLite: another
// one may. Ids are compared byte by byte, so a condition that isn't binds nothing.
func (c *chooser) require(i int, binds bool) {
	n := c.info.Constraint[i].Column
	if !binds || c.info.Collation(i) != "BINARY" {
		return
	}
	if have, ok := c.bound[n]; !ok || c.isIn(have) && !c.isIn(i) {
		c.bound[n] = i
	}
}

// allBound reports whether every parameter that the table requires, or that the query uses, is bound. When SQLite tries to read
// a table once for each branch of an OR, it shows the branch's conditions only: without the
// parameters' such a plan would ask the API something else, and so is refused.
func (c *chooser) allBound() bool {
	for n, col := range c.t.res.Columns {
		used := col.Kind == catalog.KindParameter && c.info.ColumnsUsed&bit(n) != 0
		if !used && col.Kind != catalog.KindRequired {
			continue
		}
		if _, ok := c.bound[n]; !ok {
			return c.unbound(col)
		}
	}
	return true
}

func (c *chooser) unbound(col *catalog.Column) bool {
	if c.t.db.unbound == nil {
		c.t.db.unbound = &UnboundError{Table: c.t.res.Path(), Column: col.Name, Required: col.Kind == catalog.KindRequired}
	}
	return false
}

func bit(column int) uint64 { return 1 << min(column, 63) }

// choose takes a key if there is one, else lists with all that the API can check.
func (c *chooser) choose() {
	parameters := false
	own := false // the request's own q or filter: no search may be added
	for n, i := range c.bound {
		col := c.t.res.Columns[n]
		if col.Kind == catalog.KindParameter {
			parameters = true
			own = own || slices.Contains(col.Without, "search")
		}
		c.use(i)
	}
	switch {
	case own:
	case !parameters && len(c.keys) > 0:
		c.plan.Key = true
		c.use(c.bestKey())
	default:
		for _, i := range c.pushes {
			c.use(i)
		}
		if parameters {
			for _, i := range c.keys {
				c.use(i)
			}
		}
		for _, i := range c.locals {
			c.use(i)
			c.plan.Args[len(c.plan.Args)-1].Local = true
		}
	}
	for i, con := range c.info.Constraint {
		if col := c.column(i); col != nil && con.Usable && !c.handedOver(i) {
			if op := opText(con.Op); op != "" {
				if c.isIn(i) {
					op = string(OpIn)
				}
				c.plan.Checked = append(c.plan.Checked, col.Name+" "+op)
			}
		}
	}
	// LIMIT and OFFSET only say how much to read ahead; SQLite counts the rows itself.
	limited := c.limit >= 0 && c.info.Constraint[c.limit].Usable
	if limited && !parameters && c.takeOrder() || limited && len(c.info.OrderBy) == 0 {
		c.use(c.limit)
		if c.offset >= 0 && c.info.Constraint[c.offset].Usable {
			c.use(c.offset)
		}
	}
}

// handedOver reports whether the API is asked to check a condition.
func (c *chooser) handedOver(i int) bool {
	n := c.info.ConstraintUsage[i].ArgvIndex
	return n > 0 && !c.plan.Args[n-1].Local
}

// bestKey prefers one value to a list of them, and the first column to later ones.
func (c *chooser) bestKey() int {
	best := c.keys[0]
	for _, i := range c.keys[1:] {
		if c.isIn(best) && !c.isIn(i) {
			best = i
		}
	}
	return best
}

// use asks SQLite to give Filter the value of a condition.
func (c *chooser) use(i int) {
	if c.info.ConstraintUsage[i].ArgvIndex != 0 {
		return // a key that is a search term too
	}
	con := c.info.Constraint[i]
	arg := PlanArg{Column: con.Column, Op: offers[con.Op].op}
	switch {
	case con.Op == sqlite3.INDEX_CONSTRAINT_LIMIT:
		arg = PlanArg{Column: -1, Op: OpLimit}
	case con.Op == sqlite3.INDEX_CONSTRAINT_OFFSET:
		arg = PlanArg{Column: -1, Op: OpOffset}
	case c.isIn(i):
		arg.Op = OpIn
		c.info.In(i, 1) // the whole list in one call of Filter
	case arg.Op == OpNotNull:
	default:
		v, err := c.info.RHSValue(i)
		arg.Later = err != nil && c.later(i)
		if err == nil {
			switch v := valueOf(v).(type) {
			case string, int64:
				arg.Value = v
			case float64:
				if !math.IsInf(v, 0) { // JSON has no infinity
					arg.Value = v
				}
			}
		}
	}
	c.plan.Args = append(c.plan.Args, arg)
	c.info.ConstraintUsage[i].ArgvIndex = len(c.plan.Args)
}

// later reports whether a condition is for a table that is read again and again not worth a search
// for each value. One of a few values, or of a key, is.
func (c *chooser) later(i int) bool {
	col := c.column(i)
	return col != nil && !c.t.db.shape.Single && slices.Contains(c.pushes, i) && !slices.Contains(c.keys, i) && len(col.Values) == 0
}

// estimate sets cost and rows.
func (c *chooser) estimate() {
	rows, requests := float64(estimatedOrg), float64(estimatedOrg/estimatedPage)
	var cut, query, required, listed bool
	for n, i := range c.bound {
		col := c.t.res.Columns[n]
		cut = cut || col.Cut > 0
		query = query || col.Query == "search" || col.Query == "filter"
		required = required || col.Kind == catalog.KindRequired
		listed = listed || col.Kind == catalog.KindRequired && c.isIn(i)
	}
	switch {
	case c.plan.Key && !c.hasOp(OpIn):
		rows, requests = 1, 1
	case c.plan.Key:
		rows, requests = 20, 20
	case cut:
		rows, requests = estimatedPage, 1
	case required && listed:
		rows, requests = 20*estimatedPage, 20
	case required:
		rows, requests = estimatedPage, 1
	case query:
		rows, requests = rows/10, requests/10
	default:
		rows, requests = rows*c.share(), requests*c.share()
	}
	for i, con := range c.info.Constraint {
		equal := con.Op == sqlite3.INDEX_CONSTRAINT_EQ && !c.isIn(i)
		if n := c.info.ConstraintUsage[i].ArgvIndex; equal && n > 0 && (c.plan.Args[n-1].Local || c.plan.Args[n-1].Later) {
			rows = max(rows/1000, 1)
			if _, err := c.info.RHSValue(i); err != nil && !required {
				// The value comes from another table: this one is read once, and kept.
				requests = 0.5
			}
			break
		}
	}
	if c.plan.Order != nil {
		requests = min(requests, 5)
	}
	c.info.EstimatedRows = int64(rows)
	c.info.EstimatedCost = requests*costRequest + rows
	if c.plan.Key && !c.hasOp(OpIn) {
		c.info.IdxFlags = sqlite3.INDEX_SCAN_UNIQUE
	}
	if c.orgLater {
		c.info.EstimatedCost = costNever
	}
	if c.t.db.shape.BindsOrg {
		// Some condition picks an org. If SQLite does not show it here, this is a branch of an OR
		// that would ask the default org instead: it must never be the cheaper plan.
		for n, col := range c.t.res.Columns {
			if _, ok := c.bound[n]; !ok && col.Kind == catalog.KindOrg && c.info.ColumnsUsed&bit(n) != 0 {
				c.info.EstimatedCost = costNever
			}
		}
	}
}

// share is the part of all objects that the search is taken to find, whatever table is read first. Values
// and beginnings find few; one bound, a status that isn't one, and what has a value at all may find
// nearly all, so that of two of these joined by OR one list is better than two searches.
func (c *chooser) share() float64 {
	const few, many = 0.1, 0.5
	share := 1.0
	for _, i := range c.pushes {
		n := c.info.ConstraintUsage[i].ArgvIndex
		if n == 0 || c.plan.Args[n-1].Later {
			continue
		}
		switch c.plan.Args[n-1].Op {
		case OpEqual, OpIn, OpLike, OpGlob:
			share *= few
		default:
			share *= many
		}
	}
	return max(share, few)
}

func (c *chooser) hasOp(op Op) bool {
	for _, a := range c.plan.Args {
		if a.Op == op {
			return true
		}
	}
	return false
}

// opText returns the SQL operator of a condition, "" for one that has none.
func opText(op sqlite3.IndexConstraintOp) string {
	switch op {
	case sqlite3.INDEX_CONSTRAINT_EQ:
		return "="
	case sqlite3.INDEX_CONSTRAINT_GT:
		return ">"
	case sqlite3.INDEX_CONSTRAINT_LE:
		return "<="
	case sqlite3.INDEX_CONSTRAINT_LT:
		return "<"
	case sqlite3.INDEX_CONSTRAINT_GE:
		return ">="
	case sqlite3.INDEX_CONSTRAINT_LIKE:
		return "LIKE"
	case sqlite3.INDEX_CONSTRAINT_GLOB:
		return "GLOB"
	case sqlite3.INDEX_CONSTRAINT_NE:
		return "<>"
	case sqlite3.INDEX_CONSTRAINT_ISNOT:
		return "IS NOT"
	case sqlite3.INDEX_CONSTRAINT_ISNOTNULL:
		return "IS NOT NULL"
	case sqlite3.INDEX_CONSTRAINT_ISNULL:
		return "IS NULL"
	case sqlite3.INDEX_CONSTRAINT_IS:
		return "IS"
	}
	return ""
}
