package vtab

import (
	"slices"

	sqlite3 "github.com/ncruces/go-sqlite3"

	"github.com/whoql/whoql/catalog"
)

// takeOrder has the API sort, where it can and few rows are wanted: all rows are sorted faster here. The
// rows of several orgs, or of several lists, come in no order.
func (c *chooser) takeOrder() bool {
	if len(c.info.OrderBy) != 1 || c.plan.Key || c.t.db.options.NoPushdown {
		return false
	}
	n := c.info.OrderBy[0].Column
	if n < 0 || n >= len(c.t.res.Columns) || !c.t.res.Columns[n].Sort {
		return false
	}
	for at, i := range c.bound {
		if c.t.res.Columns[at].Kind != catalog.KindOrg || c.isIn(i) {
			return false
		}
	}
	desc := c.info.OrderBy[0].Desc
	if c.t.res.Columns[n].Moves && !c.firstPage(n, desc) {
		return false
	}
	c.plan.Order = &PlanOrder{Column: n, Desc: desc}
	c.info.OrderByConsumed = true
	return true
}

// firstPage reports whether the first page of a list that is sorted by a column is sure to have all
// the rows that are wanted. Where it hasn't, somebody who is changed meanwhile goes from a page that is
// still to come to one that has been read, or the other way round.
//
// So all conditions must hold for each row that the API gives, or, once they don't hold for a row, for none
// behind it.
func (c *chooser) firstPage(column int, desc bool) bool {
	rows := int64(0)
	for _, i := range []int{c.limit, c.offset} {
		if i < 0 {
			continue
		}
		v, err := c.info.RHSValue(i)
		if err != nil || v.Type() != sqlite3.INTEGER || v.Int64() < 0 || v.Int64() > int64(c.t.res.List().Page) {
			return false
		}
		rows += v.Int64()
	}
	if rows > int64(c.t.res.List().Page) {
		return false
	}
	for i := range c.info.Constraint {
		if i != c.limit && i != c.offset && !c.exact(i) && !c.bounds(i, column, desc) {
			return false
		}
	}
	return true
}

// exact reports whether a condition holds for all that the API finds for it: one of the values that it
// knows, which are the same in any case.
func (c *chooser) exact(i int) bool {
	col := c.column(i)
	if col == nil || c.isIn(i) || !slices.Contains(c.pushes, i) {
		return col != nil && col.Kind == catalog.KindOrg
	}
	v, err := c.info.RHSValue(i)
	if err != nil {
		return false
	}
	text, ok := valueOf(v).(string)
	return ok && slices.Contains(col.Values, text)
}

// bounds reports whether a condition says where to end in the order of a column.
func (c *chooser) bounds(i, column int, desc bool) bool {
	if c.info.Constraint[i].Column != column || !slices.Contains(c.pushes, i) || c.isIn(i) {
		return false
	}
	switch offers[c.info.Constraint[i].Op].op {
	case OpGreater, OpGreaterOrEqual:
		return desc
	case OpLess, OpLessOrEqual:
		return !desc
	}
	return false
}
