package vtab

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	sqlite3 "github.com/ncruces/go-sqlite3"

	"github.com/whoql/whoql/csvfile"
)

// A CSV is a file of comma-separated values that statements read as a table.
type CSV struct {
	// Name is the table's name in SQL: letters, digits and _, not a digit first, no word of SQL. Required.
	Name string
	// Path is the file, a regular one. Required.
	Path string
	// Options say how it is to be read; the zero value guesses.
	Options csvfile.Options
}

// RegisterCSV adds a CSV file as a table. Nothing but its beginning is read. The table stands in the
// schema temp, where SQLite looks first: no table of an attached file can take its place. The error is
// a [*NameError] or a [*csvfile.Error].
func (db *DB) RegisterCSV(c CSV) error {
	if err := db.name("CSV file", c.Name); err != nil {
		return err
	}
	file, err := csvfile.Open(c.Path, c.Options)
	if err != nil {
		return err
	}
	connect := func(conn *sqlite3.Conn, _, _, _ string, _ ...string) (*csvTable, error) {
		var columns []string
		for _, name := range file.Columns() {
			// TEXT keeps every value as it stands in the file, 007 too, and compares it with a number as text.
			columns = append(columns, quote(name)+" TEXT")
		}
		if err := conn.DeclareVTab("CREATE TABLE x(" + strings.Join(columns, ", ") + ")"); err != nil {
			return nil, err
		}
		if err := conn.VTabConfig(sqlite3.VTAB_DIRECTONLY); err != nil {
			return nil, err
		}
		return &csvTable{db: db, name: c.Name, file: file}, nil
	}
	module := "csv " + c.Name
	//lint:ignore SA1019 the generic method that is to take its place needs a newer Go
	if err := sqlite3.CreateModule[*csvTable](db.conn, module, connect, connect); err != nil {
		return fmt.Errorf("vtab: register %s: %w", c.Name, err)
	}
	if err := db.exec("CREATE VIRTUAL TABLE temp." + quote(c.Name) + " USING " + quote(module)); err != nil {
		return fmt.Errorf("vtab: register %s: %w", c.Name, err)
	}
	db.csv[strings.ToLower(c.Name)] = file
	return nil
}

// CSVColumns are the columns of a CSV file by the table's name; nil: there is none by that name.
func (db *DB) CSVColumns(name string) []string {
	if file := db.csv[strings.ToLower(name)]; file != nil {
		return file.Columns()
	}
	return nil
}

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// A csvTable is a CSV file as SQLite sees it.
type csvTable struct {
	db   *DB
	name string
	file *csvfile.File
}

// A csvPlan is what BestIndex settles for a scan of a CSV file. It travels as JSON in idxStr, as a
// [Plan] does.
type csvPlan struct {
	// CSV is the table's name.
	CSV string `json:"csv"`
	// Column is the column that a value from outside is looked up in, if Lookup is true.
	Column int  `json:"column"`
	Lookup bool `json:"lookup,omitempty"`
	// Used is as in Plan.
	Used uint64 `json:"used"`
}

// lookupShare is what looking a value up costs, as a share of reading the file. The first lookups of a
// statement copy the file, which SQLite has no notion of. With this share an inner join reads the file
// once and looks up the users, save where the file can only come second, as in a LEFT JOIN.
const lookupShare = 0.02

// BestIndex implements https://sqlite.org/vtab.html#xbestindex.
func (t *csvTable) BestIndex(info *sqlite3.IndexInfo) (err error) {
	defer t.db.guard(&err)
	if err := t.db.planning(); err != nil {
		return err
	}
	rows := max(float64(t.file.Records()), 1)
	plan := csvPlan{CSV: t.name, Used: info.ColumnsUsed}
	info.EstimatedCost, info.EstimatedRows = rows, int64(rows)
	for i, con := range info.Constraint {
		if !con.Usable || con.Column < 0 || opText(con.Op) == "" {
			continue
		}
		known := false
		if con.Op == sqlite3.INDEX_CONSTRAINT_EQ {
			_, err := info.RHSValue(i)
			known = err == nil || info.In(i, -1)
		}
		if con.Op != sqlite3.INDEX_CONSTRAINT_EQ || known || plan.Lookup || t.db.options.NoPushdown {
			info.EstimatedRows = max(info.EstimatedRows/4, 1)
			continue
		}
		// A value from another table, or a parameter. SQLite's own collations are all covered by the
		// key: see csvKey.
		plan.Lookup, plan.Column = true, con.Column
		info.ConstraintUsage[i].ArgvIndex = 1
		info.EstimatedCost, info.EstimatedRows = rows*lookupShare+10, 2
	}
	text, err := json.Marshal(&plan)
	info.IdxStr = string(text)
	return err
}

// Open implements https://sqlite.org/vtab.html#xopen.
func (t *csvTable) Open() (sqlite3.VTabCursor, error) { return &csvCursor{t: t}, nil }

// A csvCursor is one running scan of a CSV file.
type csvCursor struct {
	t      *csvTable
	plan   *csvPlan
	text   string // the plan's encoding, to decode it once
	reader *csvfile.Reader
	found  *csvFound // lookups go here, once there have been two
	look   bool      // the scan is one
	fields []string
	row    int64
	eof    bool
}

// Filter starts a scan: https://sqlite.org/vtab.html#xfilter.
func (c *csvCursor) Filter(_ int, idxStr string, args ...sqlite3.Value) (err error) {
	defer c.t.db.guard(&err)
	if err := c.stop(); err != nil {
		return c.t.db.keep(err)
	}
	if c.plan == nil || c.text != idxStr {
		c.plan, c.text = &csvPlan{}, idxStr
		if err := json.Unmarshal([]byte(idxStr), c.plan); err != nil {
			return c.t.db.keep(err)
		}
	}
	c.row, c.eof, c.look = 0, false, false
	if c.plan.Lookup {
		index, err := c.t.index(c.plan)
		if err != nil {
			return c.t.db.keep(err)
		}
		if index != nil {
			return c.lookup(index, valueOf(args[0]))
		}
	}
	if c.reader, err = c.t.file.Scan(); err != nil {
		return c.t.db.keep(err)
	}
	return c.next()
}

// lookup finds the records by a value.
func (c *csvCursor) lookup(index *csvIndex, v any) error {
	if c.found == nil || c.found.index != index {
		if err := c.found.close(); err != nil {
			return c.t.db.keep(err)
		}
		query, _, err := index.conn.Prepare(index.sql)
		if err != nil {
			return c.t.db.keep(err)
		}
		c.found = &csvFound{index: index, query: query}
	}
	c.look = true
	if err := c.found.begin(v); err != nil {
		return c.t.db.keep(err)
	}
	return c.next()
}

// Next moves to the next row: https://sqlite.org/vtab.html#xnext.
func (c *csvCursor) Next() (err error) {
	defer c.t.db.guard(&err)
	return c.next()
}

func (c *csvCursor) next() (err error) {
	if c.look {
		c.eof, err = c.found.next()
		return c.t.db.keep(err)
	}
	c.fields, err = c.reader.Next()
	if err == io.EOF {
		c.eof = true
		return c.t.db.keep(c.stop())
	}
	c.row++
	return c.t.db.keep(err)
}

// EOF reports the end of the scan: https://sqlite.org/vtab.html#xeof.
func (c *csvCursor) EOF() bool { return c.eof }

// Column gives one value of the row: https://sqlite.org/vtab.html#xcolumn.
func (c *csvCursor) Column(ctx sqlite3.Context, n int) (err error) {
	defer c.t.db.guard(&err)
	if c.look {
		ctx.ResultText(c.found.text(n))
		return nil
	}
	ctx.ResultText(c.fields[n])
	return nil
}

// RowID is the number of the record: https://sqlite.org/vtab.html#xrowid.
func (c *csvCursor) RowID() (int64, error) {
	if c.look {
		return c.found.row(), nil
	}
	return c.row, nil
}

// Close ends the scan: https://sqlite.org/vtab.html#xclose.
func (c *csvCursor) Close() error {
	found := c.found
	c.found = nil
	return errors.Join(c.stop(), found.close())
}

func (c *csvCursor) stop() error {
	r := c.reader
	c.reader = nil
	if r == nil {
		return nil
	}
	return r.Close()
}

// Records returns about how many records a CSV table has; -1 if there is none of this name.
func (db *DB) Records(table string) int64 {
	f := db.csv[strings.ToLower(table)]
	if f == nil {
		return -1
	}
	return f.Records()
}
