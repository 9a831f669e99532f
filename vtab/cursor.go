package vtab

import (
	"errors"
	"fmt"
	"io"
	"slices"

	sqlite3 "github.com/ncruces/go-sqlite3"

	"github.com/whoql/whoql/catalog"
)

// A Scan is one reading of a table: a plan with its values.
type Scan struct {
	Table *catalog.Resource
	// Plan is the number of the plan it runs.
	Plan int
	// Key, if not nil, is the condition on a key: the rows are got by its values.
	Key *Term
	// Terms are conditions that the API may be asked to check; leaving one out is never wrong.
	Terms []Term
	// Params are the request parameters, which must be sent as they are.
	Params []Term
	// Required are the table's required parameters, all of them, in the order of the columns: the rows
	// are those for any of the values of each.
	Required []Term
	// Orgs are the names of the orgs to read; nil means the default org.
	Orgs []any
	// Order, if not nil, is the column by whose texts the rows must come in order, of their bytes.
	Order *catalog.Column
	// Desc turns the order round.
	Desc bool
	// Limit is how many rows will be read at most, as far as SQLite knows; -1: not known.
	Limit int64

	// Used has bit n set if the values of column n are read; bit 63 stands for column 63 and all behind it.
	// Objects need not have others.
	Used uint64

	often  bool   // the statement may run the plan many times
	kept   bool   // what it reads is kept on a shelf
	locals []Term // equalities by which kept rows are looked up
}

// Columns returns the columns whose values are read, and maybe more.
func (s *Scan) Columns() []*catalog.Column {
	var out []*catalog.Column
	for n, c := range s.Table.Columns {
		if s.Used&bit(n) != 0 {
			out = append(out, c)
		}
	}
	return out
}

// A Term is a condition on a column.
type Term struct {
	Column *catalog.Column
	// Values are nil, int64, float64, string or []byte: those of which the column equals one for OpIn,
	// none for OpNotNull, and else the one on the right.
	Values []any
	Op     Op
}

// A cursor is one running scan: https://sqlite.org/vtab.html#xopen. SQLite starts it anew with
// Filter for every row of the tables that a join reads before this one.
type cursor struct {
	t     *table
	rows  Rows
	plan  *Plan
	text  string // the plan's encoding, to decode it once
	bound []Term
	row   row
	eof   bool
	stmt  *Stmt // the statement that it reads for
	count int   // rows given so far, of all scans
}

// Filter starts a scan: https://sqlite.org/vtab.html#xfilter.
func (c *cursor) Filter(_ int, idxStr string, args ...sqlite3.Value) (err error) {
	defer c.t.db.guard(&err)
	if err := c.stop(); err != nil {
		return c.t.db.keep(err)
	}
	if c.plan == nil || c.text != idxStr {
		plan, err := DecodePlan(idxStr)
		if err != nil {
			return c.t.db.keep(err)
		}
		c.plan, c.text = plan, idxStr
		c.row.layout = c.t.layout
		c.row.use(plan.Used)
	}
	scan, err := c.t.scan(c.plan, args)
	if err != nil {
		return c.t.db.keep(err)
	}
	c.bound = scan.Params
	c.t.db.running.open(c)
	if scan.kept {
		c.rows, err = c.t.db.running.keep(c.t, scan)
	} else {
		c.rows, err = c.t.src.Scan(c.t.db.conn.GetInterrupt(), scan)
	}
	if err != nil {
		return c.t.db.keep(err)
	}
	return c.next()
}

// scan puts a plan and the values of its conditions together.
func (t *table) scan(p *Plan, args []sqlite3.Value) (*Scan, error) {
	s := &Scan{Table: t.res, Plan: p.ID, Limit: -1, often: t.db.running.Repeats(p)}
	s.Used, s.kept = t.db.running.keeping(p)
	if p.Order != nil {
		s.Order, s.Desc = t.res.Columns[p.Order.Column], p.Order.Desc
	}
	var offset int64
	left := false // some condition is SQLite's alone
	for i, a := range p.Args {
		values, err := argValues(a, args[i])
		if err != nil {
			return nil, err
		}
		switch a.Op {
		case OpLimit:
			if n, ok := values[0].(int64); ok {
				s.Limit = n
			}
			continue
		case OpOffset:
			if n, ok := values[0].(int64); ok && n > 0 {
				offset = n
			}
			continue
		}
		col := t.res.Columns[a.Column]
		term := Term{Column: col, Op: a.Op, Values: values}
		switch {
		case col.Kind == catalog.KindOrg:
			s.Orgs = values
		case col.Kind == catalog.KindParameter:
			s.Params = append(s.Params, term)
		case col.Kind == catalog.KindRequired:
			s.Required = append(s.Required, term)
		case !a.HandedOver(s.often) && a.Op == OpEqual:
			s.locals = append(s.locals, term)
		case !a.HandedOver(s.often):
			left = true
		case p.Key && col.Key:
			s.Key = &term
		default:
			s.Terms = append(s.Terms, term)
		}
	}
	slices.SortFunc(s.Required, func(a, b Term) int {
		return slices.Index(t.res.Columns, a.Column) - slices.Index(t.res.Columns, b.Column)
	})
	if s.Limit >= 0 {
		s.Limit += offset
	}
	if left || len(s.locals) > 0 {
		s.Limit = -1 // of the rows that are left, not of those read
	}
	return s, nil
}

// argValues reads one value, or all of an IN list: https://sqlite.org/c3ref/vtab_in_first.html.
func argValues(a PlanArg, v sqlite3.Value) ([]any, error) {
	if a.Op == OpNotNull {
		return nil, nil
	}
	if a.Op != OpIn {
		return []any{valueOf(v)}, nil
	}
	var out []any
	item, err := v.InFirst()
	for ; err == nil; item, err = v.InNext() {
		out = append(out, valueOf(item))
	}
	// The end of the list is SQLITE_DONE, which the binding has no name for.
	var code sqlite3.ErrorCode
	if errors.As(err, &code) && code == 101 {
		return out, nil
	}
	return nil, err
}

func valueOf(v sqlite3.Value) any {
	switch v.Type() {
	case sqlite3.INTEGER:
		return v.Int64()
	case sqlite3.FLOAT:
		return v.Float()
	case sqlite3.TEXT:
		return v.Text()
	case sqlite3.BLOB:
		return v.Blob(nil)
	}
	return nil
}

// Next moves to the next row: https://sqlite.org/vtab.html#xnext.
func (c *cursor) Next() (err error) {
	defer c.t.db.guard(&err)
	return c.next()
}

func (c *cursor) next() error {
	obj, err := c.rows.Next(c.t.db.conn.GetInterrupt())
	if err == io.EOF { // and nothing that wraps it: a broken connection is an EOF too
		c.eof = true
		c.row.set(Object{})
		return c.t.db.keep(c.stop())
	}
	if err != nil {
		return c.t.db.keep(err)
	}
	c.eof = false
	c.count++
	c.row.set(obj)
	return nil
}

// EOF reports the end of the scan: https://sqlite.org/vtab.html#xeof.
func (c *cursor) EOF() bool { return c.eof }

// Column gives one value of the row: https://sqlite.org/vtab.html#xcolumn.
func (c *cursor) Column(ctx sqlite3.Context, n int) (err error) {
	defer c.t.db.guard(&err)
	col := c.t.res.Columns[n]
	if c.plan.Used&bit(n) == 0 {
		// It would be NULL, or not, whatever the object has.
		return c.t.db.keep(fmt.Errorf("vtab: %s.%s is read and wasn't planned for", c.t.res.Path(), col.Name))
	}
	switch col.Kind {
	case catalog.KindOrg:
		ctx.ResultText(c.row.obj.Org)
	case catalog.KindParameter:
		// SQLite checks the condition again: the row must show the value that was asked for.
		for _, b := range c.bound {
			if b.Column == col {
				result(ctx, b.Values[0])
				return nil
			}
		}
		return c.t.db.keep(&UnboundError{Table: c.t.res.Path(), Column: col.Name})
	case catalog.KindRequired:
		ctx.ResultText(c.row.obj.Required[c.t.layout.required[n]])
	default:
		c.row.result(ctx, n)
	}
	return nil
}

func result(ctx sqlite3.Context, v any) {
	switch v := v.(type) {
	case int64:
		ctx.ResultInt64(v)
	case float64:
		ctx.ResultFloat(v)
	case string:
		ctx.ResultText(v)
	case []byte:
		ctx.ResultBlob(v)
	default:
		ctx.ResultNull()
	}
}

// RowID is a 63-bit hash of org, required parameters and id, so that a row has the same one however it was read: SQLite
// unites the branches of an OR by it. https://sqlite.org/vtab.html#xrowid.
func (c *cursor) RowID() (id int64, err error) {
	defer c.t.db.guard(&err)
	return c.row.rowID(), nil
}

// Close ends the scan: https://sqlite.org/vtab.html#xclose.
func (c *cursor) Close() error {
	if c.stmt != nil {
		c.stmt.left(c)
	}
	return c.stop()
}

func (c *cursor) stop() error {
	if c.rows == nil {
		return nil
	}
	err := c.rows.Close()
	c.rows = nil
	return err
}
