package vtab_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	sqlite3 "github.com/ncruces/go-sqlite3"

	"github.com/whoql/whoql/vtab"
)

// file writes a file and returns its path.
func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// made is a SQLite file that somebody else has made.
func made(t *testing.T, sql string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "made.db")
	conn, err := sqlite3.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.Exec(sql); err != nil {
		t.Fatal(err)
	}
	return path
}

// write runs a statement that may write.
func write(db *vtab.DB, sql string) error {
	st, err := db.Prepare(context.Background(), sql, vtab.Shape{Writes: true})
	if err != nil {
		return err
	}
	defer st.Close()
	for {
		if more, err := st.Step(context.Background()); err != nil || !more {
			return err
		}
	}
}

// TestJoinCSV: a join with a CSV file gives the same rows whichever comes first, and whether values are
// looked up or the file is read again.
func TestJoinCSV(t *testing.T) {
	const roster = "key,n\na,1\nB,2\nb,3\n7,4\n7.0,5\n 007 ,6\n,7\na ,8\na,9\nmissing,10\n"
	objects := []string{`{"id":"a","data":{"v":"a"}}`, `{"id":"b","data":{"v":"B"}}`, `{"id":"c","data":{"v":7}}`, `{"id":"d","data":{"v":null}}`, `{"id":"e","data":{"v":""}}`, `{"id":"f","data":{"v":"nobody"}}`, `{"id":"g","data":{"v":"a"}}`, `{"id":"h","data":{"v":7.0}}`, `{"id":"i","data":{"v":"007"}}`}
	open := func(o vtab.Options) *vtab.DB {
		db := open(t, newMemory(objects...), o)
		if err := db.RegisterCSV(vtab.CSV{Name: "hr", Path: file(t, roster)}); err != nil {
			t.Fatal(err)
		}
		if err := db.Attach(vtab.Attachment{Name: "f", Path: made(t, "CREATE TABLE nums(i INTEGER, x); INSERT INTO nums VALUES (7, 'a'), (1, 'B'), (NULL, NULL)")}); err != nil {
			t.Fatal(err)
		}
		return db
	}
	db, plain, memory := open(vtab.Options{}), open(vtab.Options{NoPushdown: true}), open(vtab.Options{TempInMemory: true})
	for _, sql := range []string{
		`SELECT t.id, hr.n FROM things AS t JOIN hr ON hr.key = t.v`,
		`SELECT t.id, hr.n FROM things AS t LEFT JOIN hr ON hr.key = t.v`,
		`SELECT t.id, hr.n FROM things AS t LEFT JOIN hr ON hr.key = t.v COLLATE NOCASE`,
		`SELECT t.id, hr.n FROM things AS t LEFT JOIN hr ON hr.key COLLATE RTRIM = t.v`,
		`SELECT t.id, hr.n, hr.rowid FROM things AS t LEFT JOIN hr ON hr.key = t.v AND hr.n > '3'`,
		`SELECT t.id, hr.n FROM hr LEFT JOIN things AS t ON hr.key = t.v`,
		`SELECT t.id FROM things AS t WHERE NOT EXISTS (SELECT 1 FROM hr WHERE hr.key = t.v)`,
		`SELECT t.id FROM things AS t WHERE t.v NOT IN (SELECT key FROM hr)`,
		`SELECT t.id, (SELECT max(n) FROM hr WHERE hr.key = t.v) FROM things AS t`,
		`SELECT a.n, b.n FROM hr AS a LEFT JOIN hr AS b ON a.key = b.key`,
		`SELECT a.n, b.n, c.n FROM hr AS a LEFT JOIN hr AS b ON a.key = b.key LEFT JOIN hr AS c ON c.key = b.key AND c.n = a.n`,
		`SELECT nums.i, hr.n FROM f.nums LEFT JOIN hr ON hr.key = nums.i`,
		`SELECT nums.i, hr.n FROM f.nums LEFT JOIN hr ON hr.key = +nums.i`,
		`SELECT nums.x, hr.n FROM f.nums LEFT JOIN hr ON hr.key = nums.x OR hr.n = nums.i`,
		`SELECT n FROM hr WHERE key = 'a' AND n = '9'`,
		`SELECT n FROM hr WHERE key = 7`,
		`SELECT n FROM hr WHERE key IN ('a', '7') ORDER BY n`,
		`WITH RECURSIVE r(k, n) AS (SELECT 'a', 0 UNION ALL SELECT hr.key, r.n + 1 FROM r JOIN hr ON hr.key = r.k WHERE r.n < 2) SELECT * FROM r`,
	} {
		var results []string
		for _, db := range []*vtab.DB{db, plain, memory} {
			rows, err := query(db, sql)
			if err != nil {
				t.Errorf("%s: %v", sql, err)
			}
			var lines []string
			for _, r := range rows {
				lines = append(lines, fmt.Sprint(r...))
			}
			slices.Sort(lines)
			results = append(results, strings.Join(lines, ";"))
		}
		if results[0] != results[1] || results[0] != results[2] {
			t.Errorf("%s:\nlooked up: %s\nread:      %s\nin memory: %s", sql, results[0], results[1], results[2])
		}
		if results[0] == "" {
			t.Errorf("%s gives nothing", sql)
		}
	}
}

// TestCSVIsReadFewTimes: the file is read once where it comes first, and twice where it comes second.
func TestCSVIsReadFewTimes(t *testing.T) {
	var roster strings.Builder
	roster.WriteString("key,n\n")
	for i := range 2000 {
		fmt.Fprintf(&roster, "k%d,%d\n", i, i)
	}
	var objects []string
	for i := range 500 {
		objects = append(objects, fmt.Sprintf(`{"id":"k%d","data":{"v":"k%d"}}`, i, i*7))
	}
	db := open(t, newMemory(objects...), vtab.Options{})
	if err := db.RegisterCSV(vtab.CSV{Name: "hr", Path: file(t, roster.String())}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ sql, first, second string }{
		{`SELECT count(*) FROM things AS t JOIN hr ON hr.key = t.v`, `SCAN hr `, `SCAN t `},
		{`SELECT count(*) FROM things AS t JOIN hr ON hr.key = t.id`, `SCAN hr `, `SCAN t `},
		{`SELECT count(*) FROM things AS t LEFT JOIN hr ON hr.key = t.v`, `SCAN t `, `"lookup":true`},
		{`SELECT count(*) FROM hr JOIN hr AS b ON hr.key = b.key`, `SCAN `, `"lookup":true`},
	} {
		rows, err := query(db, "EXPLAIN QUERY PLAN "+c.sql)
		if err != nil || len(rows) != 2 || !strings.Contains(fmt.Sprint(rows[0]...), c.first) || !strings.Contains(fmt.Sprint(rows[1]...), c.second) {
			t.Errorf("%s: %v, %v", c.sql, rows, err)
		}
		if rows, err := query(db, c.sql); err != nil || rows[0][0] == int64(0) {
			t.Errorf("%s: %v, %v", c.sql, rows, err)
		}
	}
}

// TestWideCSV: columns behind the 63rd, which SQLite counts as one, are looked up rightly.
func TestWideCSV(t *testing.T) {
	var header, record []string
	for i := range 80 {
		header, record = append(header, fmt.Sprintf("c%d", i)), append(record, fmt.Sprintf("v%d", i))
	}
	db := open(t, newMemory(`{"id":"a","data":{"v":"v70"}}`, `{"id":"b","data":{"v":"x"}}`, `{"id":"c","data":{"v":"v70"}}`), vtab.Options{})
	text := strings.Join(header, ",") + "\n" + strings.Join(record, ",") + "\n"
	if err := db.RegisterCSV(vtab.CSV{Name: "hr", Path: file(t, text)}); err != nil {
		t.Fatal(err)
	}
	rows, err := query(db, `SELECT t.id, c2, c62, c63, c79 FROM things AS t LEFT JOIN hr ON c70 = t.v`)
	want := [][]any{{"a", "v2", "v62", "v63", "v79"}, {"b", nil, nil, nil, nil}, {"c", "v2", "v62", "v63", "v79"}}
	if err != nil || !reflect.DeepEqual(rows, want) {
		t.Errorf("%v, %v, want %v", rows, err, want)
	}
}

// TestWAL: a file in WAL mode is read and written while another program has it open, and when none has.
func TestWAL(t *testing.T) {
	path := made(t, "PRAGMA journal_mode = WAL; CREATE TABLE t(a); INSERT INTO t VALUES (1)")
	other, err := sqlite3.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	for _, isOpen := range []bool{true, false} {
		if isOpen {
			if err := other.Exec("INSERT INTO t VALUES (2)"); err != nil {
				t.Fatal(err)
			}
		} else if err := other.Close(); err != nil {
			t.Fatal(err)
		}
		for _, mode := range []vtab.AttachMode{vtab.AttachRead, vtab.AttachWrite} {
			db := open(t, newMemory(), vtab.Options{})
			if err := db.Attach(vtab.Attachment{Name: "f", Path: path, Mode: mode}); err != nil {
				t.Errorf("open %v, mode %v: %v", isOpen, mode, err)
				continue
			}
			if rows, err := query(db, "SELECT count(*) FROM f.t"); err != nil || rows[0][0] != int64(2) {
				t.Errorf("open %v, mode %v: %v, %v", isOpen, mode, rows, err)
			}
			if err := write(db, "UPDATE f.t SET a = a + 1"); (err == nil) != (mode == vtab.AttachWrite) {
				t.Errorf("open %v, mode %v: an UPDATE: %v", isOpen, mode, err)
			}
		}
	}
}

// TestLockedFile: what another program is writing to is waited for, and then an error that says so.
func TestLockedFile(t *testing.T) {
	vtab.SetBusy(t, 20*time.Millisecond)
	path := made(t, "CREATE TABLE t(a)")
	other, err := sqlite3.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := other.Exec("BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	db := open(t, newMemory(), vtab.Options{})
	if err := db.Attach(vtab.Attachment{Name: "f", Path: path, Mode: vtab.AttachWrite}); err != nil {
		t.Fatal(err)
	}
	if rows, err := query(db, "SELECT count(*) FROM f.t"); err != nil || rows[0][0] != int64(0) {
		t.Errorf("%v, %v", rows, err)
	}
	if err := write(db, "INSERT INTO f.t VALUES (1)"); err == nil || !strings.Contains(err.Error(), "in use by another program") {
		t.Errorf("a locked file: %v", err)
	}
}

// TestCSVErrors: what is wrong with a file is found whoever reads it, and comes back with its type.
func TestCSVErrors(t *testing.T) {
	db := open(t, newMemory(`{"id":"a","data":{"v":"x"}}`, `{"id":"b","data":{"v":"y"}}`), vtab.Options{})
	path := file(t, "key,n\nx,1\ny,2\nbroken\n")
	if err := db.RegisterCSV(vtab.CSV{Name: "hr", Path: path}); err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{
		`SELECT * FROM hr`,
		`SELECT count(*) FROM things AS t LEFT JOIN hr ON hr.key = t.v`,
	} {
		_, err := query(db, sql)
		var e interface{ Unwrap() error }
		if !errors.As(err, &e) || !strings.Contains(err.Error(), ":4: 1 field here, 2 fields in the header") {
			t.Errorf("%s: %v", sql, err)
		}
	}
	if rows, err := query(db, `SELECT * FROM hr LIMIT 2`); err != nil || len(rows) != 2 {
		t.Errorf("the records before the broken one: %v, %v", rows, err)
	}
}

// TestRefused: statements can't open files, nor change what isn't theirs.
func TestRefused(t *testing.T) {
	dir := t.TempDir()
	other := filepath.ToSlash(filepath.Join(dir, "other.db"))
	db := open(t, newMemory(`{"id":"a"}`), vtab.Options{})
	rw := made(t, "CREATE TABLE t(a); CREATE TABLE u(a)")
	if err := db.Attach(vtab.Attachment{Name: "rw", Path: rw, Mode: vtab.AttachWrite}); err != nil {
		t.Fatal(err)
	}
	if err := db.Attach(vtab.Attachment{Name: "ro", Path: made(t, "CREATE TABLE r(a); INSERT INTO r VALUES (1)")}); err != nil {
		t.Fatal(err)
	}
	if err := db.RegisterCSV(vtab.CSV{Name: "hr", Path: file(t, "a,b\n1,2\n")}); err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{
		"ATTACH '" + other + "' AS x",
		"ATTACH 'file:" + other + "?mode=rwc' AS x",
		"DETACH rw",
		"VACUUM INTO '" + other + "'",
		"VACUUM rw INTO '" + other + "'",
		"PRAGMA temp_store_directory = '" + dir + "'",
		"PRAGMA journal_mode = OFF",
		"PRAGMA rw.journal_mode = WAL",
		"PRAGMA writable_schema = ON",
		"PRAGMA trusted_schema = ON",
		"PRAGMA rw.user_version = 7",
		"PRAGMA temp_store = 2",
		"SELECT * FROM pragma_database_list",
		"SELECT load_extension('" + other + "')",
		"SELECT writefile('" + other + "', 'x')",
		"SELECT readfile('" + other + "')",
		"CREATE VIRTUAL TABLE temp.x USING csv(filename='/etc/passwd')",
		`CREATE VIRTUAL TABLE temp.x USING "csv hr"`,
		`CREATE VIRTUAL TABLE rw.x USING "csv hr"`,
		`SELECT * FROM "csv hr"`,
		"CREATE VIRTUAL TABLE rw.x USING fts5(a)",
		"CREATE TRIGGER rw.x AFTER INSERT ON t BEGIN SELECT 1; END",
		"CREATE TEMP TRIGGER x AFTER INSERT ON rw.t BEGIN SELECT 1; END",
		"CREATE VIEW rw.v AS SELECT 1",
		"CREATE INDEX rw.i ON t(a)",
		"ALTER TABLE rw.t RENAME TO w",
		"ALTER TABLE hr RENAME TO w",
		"ANALYZE", "ANALYZE rw.t", "BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT x", "RELEASE rehearsal",
		"INSERT INTO ro.r VALUES (2)", "UPDATE ro.r SET a = 2", "DELETE FROM ro.r", "DROP TABLE ro.r", "CREATE TABLE ro.x(a)", "CREATE TABLE ro.x AS SELECT 1 AS a",
		"INSERT INTO rw.sqlite_schema VALUES ('table', 'x', 'x', 2, 'CREATE TABLE x(a)')",
		"UPDATE rw.sqlite_schema SET sql = ''", "DELETE FROM temp.sqlite_schema", "DELETE FROM sqlite_schema",
		"INSERT INTO hr VALUES (1, 2)", "DROP TABLE hr", "DELETE FROM hr",
		`CREATE TEMP TABLE "memory.test.things"(id)`, `CREATE TABLE rw."memory.test.things"(id)`, `CREATE TEMP VIEW "Memory.Test.Things" AS SELECT 1`,
		"CREATE TABLE x(a)", "CREATE TABLE main.x(a)", "CREATE VIEW v AS SELECT 1", "CREATE TEMP TABLE sqlite_x(a)",
		`DROP TABLE "memory.test.things"`, `INSERT INTO "memory.test.things"(id) VALUES ('b')`,
	} {
		if err := write(db, sql); err == nil {
			t.Errorf("%s runs", sql)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("files were made: %v, %v", entries, err)
	}
	for _, sql := range []string{
		"INSERT INTO rw.t VALUES (1)", "UPDATE rw.t SET a = 2", "CREATE TABLE rw.x(a PRIMARY KEY, b UNIQUE)", "INSERT INTO rw.x SELECT a, b FROM hr",
		"DROP TABLE rw.x", "CREATE TABLE rw.y AS SELECT * FROM hr", "DELETE FROM rw.t", "DROP TABLE rw.u",
		"CREATE TEMP TABLE x(a PRIMARY KEY)", "INSERT INTO x VALUES (1)", "CREATE TEMP VIEW v AS SELECT * FROM x", "SELECT * FROM v", "DROP VIEW v", "DROP TABLE x",
		"SELECT * FROM pragma_table_info('hr')", "SELECT name FROM rw.sqlite_schema",
	} {
		if err := write(db, sql); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
}

// TestHostileFile: what stands in a file that somebody else has made can't reach an org or another file,
// nor take the place of a table.
func TestHostileFile(t *testing.T) {
	src := newMemory(`{"id":"a","data":{"v":"secret"}}`)
	db := open(t, src, vtab.Options{})
	path := made(t, `
		CREATE TABLE t(a);
		INSERT INTO t VALUES (1);
		CREATE VIEW org AS SELECT * FROM "memory.test.things";
		CREATE VIEW roster AS SELECT * FROM hr;
		CREATE VIEW pragma AS SELECT * FROM pragma_database_list;
		CREATE VIEW fine AS SELECT a + 1 AS b FROM t;
		CREATE TABLE hr(a);
		INSERT INTO hr VALUES ('not the roster');
		CREATE TRIGGER tr AFTER INSERT ON t BEGIN INSERT INTO hr SELECT v FROM "memory.test.things"; END;`)
	if err := db.RegisterCSV(vtab.CSV{Name: "hr", Path: file(t, "a\nthe roster\n")}); err != nil {
		t.Fatal(err)
	}
	if err := db.Attach(vtab.Attachment{Name: "f", Path: path, Mode: vtab.AttachWrite}); err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{`SELECT * FROM f.org`, `SELECT * FROM org`, `SELECT * FROM f.pragma`, `INSERT INTO f.t VALUES (2)`} {
		if err := write(db, sql); err == nil {
			t.Errorf("%s runs", sql)
		}
	}
	for sql, want := range map[string]any{
		`SELECT a FROM hr`:       "the roster",
		`SELECT a FROM f.roster`: "not the roster", // its own table
		`SELECT b FROM f.fine`:   int64(2),
	} {
		if rows, err := query(db, sql); err != nil || !reflect.DeepEqual(rows, [][]any{{want}}) {
			t.Errorf("%s: %v, %v", sql, rows, err)
		}
	}

	// A table by the name of an org's would be read in its place.
	for _, sql := range []string{`CREATE TABLE "memory.test.things"(id)`, `CREATE VIEW "MEMORY.test.THINGS" AS SELECT 1`} {
		db := open(t, src, vtab.Options{})
		if err := db.Attach(vtab.Attachment{Name: "f", Path: made(t, sql)}); err != nil {
			t.Fatal(err)
		}
		var e *vtab.AttachError
		if err := db.Begin(); !errors.As(err, &e) || !strings.Contains(err.Error(), "which is the name of a table of an org") {
			t.Errorf("%s: %v", sql, err)
		}
		if rows, err := query(db, `SELECT * FROM things`); err == nil {
			t.Errorf("%s reads %v", sql, rows)
		}
	}
}

// TestCorruptFile: a damaged file is an error, and nothing worse.
func TestCorruptFile(t *testing.T) {
	path := made(t, "CREATE TABLE t(a); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) INSERT INTO t SELECT hex(randomblob(50)) FROM n")
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	failed := 0
	for at := 100; at < len(good); at += len(good) / 40 {
		bad := slices.Clone(good)
		for i := at; i < min(at+64, len(bad)); i++ {
			bad[i] ^= 0xa5
		}
		db := open(t, newMemory(), vtab.Options{})
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		err := db.Attach(vtab.Attachment{Name: "f", Path: path})
		if err == nil {
			_, err = query(db, "SELECT count(*), max(a) FROM f.t")
		}
		if err != nil {
			failed++
		}
	}
	if failed == 0 {
		t.Error("no damage was noticed")
	}
}
