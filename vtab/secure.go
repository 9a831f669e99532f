package vtab

import (
	"errors"
	"fmt"
	"strings"

	sqlite3 "github.com/ncruces/go-sqlite3"
)

// secure shuts off all that statements have no use for. They may read what is there, make and change
// temporary tables, and change files that are attached for writing. They may not open any other file,
// not by ATTACH, not by a PRAGMA; and what stands in an attached file, which somebody else may have made,
// may not do more than the statement itself: https://sqlite.org/security.html.
func (db *DB) secure() error {
	for option, on := range map[sqlite3.DBConfig]bool{
		// A bound value must not change a plan when the statement runs: plans are numbered when it is
		// compiled, and what is known of them then has to hold. https://sqlite.org/c3ref/c_dbconfig_defensive.html
		sqlite3.DBCONFIG_ENABLE_QPSG:     true,
		sqlite3.DBCONFIG_DEFENSIVE:       true,
		sqlite3.DBCONFIG_TRUSTED_SCHEMA:  false,
		sqlite3.DBCONFIG_WRITABLE_SCHEMA: false,
	} {
		if _, err := db.conn.Config(option, on); err != nil {
			return err
		}
	}
	return db.conn.SetAuthorizer(db.authorize)
}

// exec runs SQL of our own.
func (db *DB) exec(sql string) (err error) {
	defer db.recoverSQLite(&err)
	defer func(was bool) { db.trusted = was }(db.trusted)
	db.trusted = true
	return db.conn.Exec(sql)
}

// authorize is asked about every step of a statement while it is compiled, of views and triggers too:
// https://sqlite.org/c3ref/set_authorizer.html. What is not listed is refused.
func (db *DB) authorize(action sqlite3.AuthorizerActionCode, name, other, schema, _ string) (rc sqlite3.AuthorizerReturnCode) {
	defer func() {
		if recover() != nil {
			rc = sqlite3.AUTH_DENY // unwinding through SQLite would leave it broken
		}
	}()
	if db.trusted {
		return sqlite3.AUTH_OK
	}
	if schema != "" && !strings.EqualFold(schema, "main") && db.resources[strings.ToLower(name)] {
		return db.deny("%s is the name of a table of an org", name)
	}
	switch action {
	case sqlite3.AUTH_SELECT, sqlite3.AUTH_READ, sqlite3.AUTH_RECURSIVE, sqlite3.AUTH_FUNCTION:
		return sqlite3.AUTH_OK
	case sqlite3.AUTH_PRAGMA:
		// These list columns, or say where temporary data goes, and do nothing else.
		if n := strings.ToLower(name); n == "table_info" || n == "table_xinfo" || n == "temp_store" && other == "" {
			return sqlite3.AUTH_OK
		}
		return db.deny("PRAGMA %s is not allowed", name)
	case sqlite3.AUTH_DELETE:
		if strings.EqualFold(schema, "main") && strings.EqualFold(name, "sqlite_master") {
			return db.deny("a table of an org can't be dropped")
		}
		return db.writable(schema, name)
	case sqlite3.AUTH_INSERT, sqlite3.AUTH_UPDATE:
		return db.writable(schema, name)
	case sqlite3.AUTH_CREATE_TABLE, sqlite3.AUTH_DROP_TABLE:
		return db.writable(schema, name)
	case sqlite3.AUTH_CREATE_INDEX, sqlite3.AUTH_CREATE_TEMP_INDEX, sqlite3.AUTH_DROP_INDEX, sqlite3.AUTH_DROP_TEMP_INDEX:
		return db.writable(schema, other) // of a PRIMARY KEY or UNIQUE
	case sqlite3.AUTH_CREATE_TEMP_TABLE, sqlite3.AUTH_CREATE_TEMP_VIEW, sqlite3.AUTH_DROP_TEMP_TABLE, sqlite3.AUTH_DROP_TEMP_VIEW:
		return sqlite3.AUTH_OK
	case sqlite3.AUTH_DROP_VTABLE:
		return db.deny("%s is a CSV file and can't be dropped", name)
	}
	return db.deny("not allowed")
}

// writable says whether a table of a schema may be changed.
func (db *DB) writable(schema, table string) sqlite3.AuthorizerReturnCode {
	if strings.EqualFold(schema, "temp") {
		return sqlite3.AUTH_OK
	}
	f := db.files[strings.ToLower(schema)]
	switch {
	case f == nil && strings.HasPrefix(strings.ToLower(table), "sqlite_"): // something is made or dropped
		return db.deny("it needs a place: CREATE TEMP TABLE, or the name of an attached file in front, as in file.table")
	case f == nil:
		return db.deny("table %s may not be modified", table)
	case !f.writes:
		return db.deny("%s is attached for reading only", f.name)
	}
	return sqlite3.AUTH_OK
}

func (db *DB) deny(format string, args ...any) sqlite3.AuthorizerReturnCode {
	if db.denied == "" {
		db.denied = fmt.Sprintf(format, args...)
	}
	return sqlite3.AUTH_DENY
}

// errReplanned is the error if SQLite compiles a statement anew while it runs, because a file's tables
// are not what they were. What is known of its plans would not hold any more.
var errReplanned = errors.New("the tables of an attached file have changed while the query ran: run it again")

// planning is called by every BestIndex.
func (db *DB) planning() error {
	if db.running != nil {
		return db.keep(errReplanned)
	}
	return nil
}
