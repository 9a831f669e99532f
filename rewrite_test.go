package whoql_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/whoql/whoql"
	"github.com/whoql/whoql/okta"
	"github.com/whoql/whoql/oktatest"
)

// rewriteCases read attributes out of the profile's JSON. With the rewriting and without, each gives
// the same headings, rows and types.
var rewriteCases = []string{
	`SELECT profile->>'department' FROM okta.user.users`,
	`SELECT profile->>'$.department' FROM okta.user.users`,
	`SELECT JSON_EXTRACT(profile,'$.department') FROM okta.user.users`,
	`SELECT json_extract( profile , '$."department"' ) /* the heading ends here */ , login FROM okta.user.users -- not here`,
	`SELECT profile->>'department' AS d, profile->>'city' "c", profile->>'title' t FROM okta.user.users`,
	"SELECT\tprofile->>'department'\n  ||\t'!' , ( profile ) ->> 'city'FROM okta.user.users",
	`SELECT users.profile->>'city', okta.user.users.profile->>'city' FROM okta.user.users`,
	`SELECT "u"."PROFILE"->>'city', [u].[profile]->>'city', ` + "`u`.`profile`->>'city'" + ` FROM okta.user.users AS U`,
	`SELECT lower(profile->>'city'), upper(json_extract(profile, '$.city')), CAST(profile->>'employeeNumber' AS INTEGER) FROM okta.user.users`,
	// what isn't changed
	`SELECT profile->'department', profile->'$.department', profile->>'$', profile->>0, profile->>'$.a.b', profile->>'$.department.x', profile->>'$[0]' FROM okta.user.users`,
	`SELECT profile->>'Department', profile->>'nothing', profile->>'$.DEPARTMENT', json_extract(profile, '$.nothing') FROM okta.user.users`,
	`SELECT json_extract(profile, '$.city', '$.department'), json_extract(profile, '$'), json_type(profile, '$.city'), profile->>lower('CITY') FROM okta.user.users`,
	`SELECT credentials->>'$.provider.type', credentials->>'provider', type->>'id' FROM okta.user.users`,
	`SELECT profile->>'badge', profile->>'floor', profile->>'contractor', profile->>'fte', profile->>'projects', json_extract(profile, '$.projects') FROM okta.user.users`,
	`SELECT json_array(profile->>'badge', json_extract(profile, '$.projects'), profile->>'city', profile->'city') FROM okta.user.users`,
	// attributes of the org's own are columns where a statement names them
	`SELECT floor, badge, profile->>'badge', profile->>'floor', contractor, profile->>'contractor', profile->>'fte', profile->>'projects', json_extract(profile, '$.projects') FROM okta.user.users`,
	`SELECT badge, floor, contractor, fte, projects, profile->>'badge', profile->>'floor', profile->>'contractor', profile->>'fte', profile->>'projects', json_extract(profile, '$.projects') FROM okta.user.users`,
	`SELECT login, projects, json_array(contractor, profile->>'contractor', projects, profile->>'projects', json_extract(profile, '$.projects')) FROM okta.user.users WHERE profile->>'contractor' = 1 OR profile->>'floor' > 3 OR profile->>'floor' = CAST('3' AS TEXT) OR floor > 1e9`,
	`SELECT badge FROM okta.user.users WHERE profile->>'badge' = (SELECT max(badge) FROM okta.user.users)`,
	`SELECT contractor AS c, count(*), sum(profile->>'fte') FROM okta.user.users GROUP BY profile->>'contractor', fte ORDER BY profile->>'contractor', 2, 3`,
	// conditions
	`SELECT login FROM okta.user.users WHERE profile->>'department' = 'IT'`,
	`SELECT login FROM okta.user.users WHERE 'IT' = (profile->>'department') AND status = 'ACTIVE'`,
	`SELECT login FROM okta.user.users WHERE profile->>'login' = (SELECT min(login) FROM okta.user.users)`,
	`SELECT profile->>'login' FROM okta.user.users WHERE profile->>'login' IN ('nobody', {login:3-6})`,
	`SELECT id FROM okta.user.users WHERE profile->>'login' = {login:4} OR json_extract(profile, '$.login') = {login:7}`,
	`SELECT login FROM okta.user.users WHERE profile->>'department' IN ('IT', 'Sales', NULL, 7) AND profile->>'city' IS NOT NULL`,
	`SELECT login FROM okta.user.users WHERE profile->>'city' IS NULL OR profile->>'city' IS 'London'`,
	`SELECT login FROM okta.user.users WHERE profile->>'city' LIKE 'b%' OR profile->>'city' NOT LIKE '%n' ESCAPE '!'`,
	`SELECT login FROM okta.user.users WHERE profile->>'city' BETWEEN 'A' AND profile->>'lastName' AND profile->>'lastName' BETWEEN 'C' AND 'M'`,
	`SELECT login FROM okta.user.users WHERE profile->>'employeeNumber' > 7 AND profile->>'employeeNumber' > '7' AND profile->>'employeeNumber' <> CAST(1 AS TEXT)`,
	`SELECT login FROM okta.user.users WHERE profile->>'city' = 'london' COLLATE NOCASE OR profile->>'city' COLLATE NOCASE IN ('BOSTON')`,
	`SELECT login FROM okta.user.users WHERE (profile->>'city', profile->>'department') IN (VALUES ('London', 'IT'), ('Berlin', 'Sales'))`,
	`SELECT login FROM okta.user.users WHERE profile->>'contractor' = 1 OR profile->>'floor' < 4 OR profile->>'fte' = 0.5`,
	`SELECT CASE profile->>'department' WHEN 'IT' THEN 1 WHEN status THEN 2 ELSE profile->>'city' END, nullif(profile->>'city', 'London'), max(profile->>'city', login) FROM okta.user.users`,
	// grouping, sorting, windows
	`SELECT profile->>'department', count(*) FROM okta.user.users GROUP BY profile->>'department' HAVING count(*) > 1 AND profile->>'department' > 'E'`,
	`SELECT profile->>'department' AS d, max(profile->>'created'), min(profile->>'city') FROM okta.user.users GROUP BY d ORDER BY d DESC`,
	`SELECT json_extract(profile, '$.department'), group_concat(profile->>'login', ' ' ORDER BY profile->>'login') FROM okta.user.users GROUP BY 1 ORDER BY 1`,
	`SELECT login FROM okta.user.users ORDER BY profile->>'city' DESC NULLS LAST, profile->>'lastName' COLLATE NOCASE, login LIMIT 20 OFFSET 3`,
	`SELECT DISTINCT profile->>'city', profile->>'department' FROM okta.user.users ORDER BY profile->>'department', profile->>'city'`,
	`SELECT login, row_number() OVER (PARTITION BY profile->>'department' ORDER BY profile->>'city', login), lag(profile->>'city') OVER w FROM okta.user.users WINDOW w AS (PARTITION BY profile->>'department' ORDER BY login)`,
	`SELECT count(*) FILTER (WHERE profile->>'city' = 'London'), count(DISTINCT profile->>'city'), total(profile->>'employeeNumber') FROM okta.user.users`,
	// subqueries, CTEs, compounds
	`WITH t AS (SELECT profile, login FROM okta.user.users) SELECT profile->>'department', t.profile->>'city', login FROM t WHERE profile->>'city' = 'London'`,
	`WITH t AS (SELECT profile->>'department', login FROM okta.user.users) SELECT * FROM t WHERE "profile->>'department'" = 'IT'`,
	`WITH t(department, profile) AS (VALUES ('IT', '{"department":"theirs"}'), ('Sales', '{}')) SELECT u.profile->>'department', t.profile->>'department', t.department, login FROM t JOIN okta.user.users AS u ON u.profile->>'department' = t.department`,
	`WITH okta AS (SELECT '{"department":"x"}' AS profile) SELECT profile->>'department' FROM okta`,
	`WITH RECURSIVE up(id, n) AS (SELECT profile->>'managerId', 0 FROM okta.user.users WHERE login = {login:3} UNION ALL SELECT u.profile->>'managerId', n + 1 FROM up JOIN okta.user.users AS u ON u.profile->>'employeeNumber' = up.id WHERE n < 9) SELECT * FROM up`,
	`SELECT * FROM (SELECT profile->>'city', profile->>'city', profile ->> 'city' FROM okta.user.users)`,
	`SELECT p->>'city', profile FROM (SELECT profile AS p, profile->>'city' AS profile FROM okta.user.users)`,
	`SELECT x.profile->>'city' FROM (SELECT * FROM okta.user.users) AS x`,
	`SELECT login, (SELECT profile->>'city'), (SELECT b.profile->>'lastName' FROM okta.user.users AS b WHERE b.profile->>'employeeNumber' = a.profile->>'managerId' AND profile->>'login' <> a.login) FROM okta.user.users AS a`,
	`SELECT login FROM okta.user.users AS a WHERE EXISTS (SELECT 1 FROM okta.user.users AS b WHERE b.profile->>'city' = a.profile->>'city' AND a.id <> b.id)`,
	`SELECT login FROM okta.user.users WHERE profile->>'department' IN (SELECT profile->>'department' FROM okta.user.users WHERE profile->>'city' = 'London')`,
	`SELECT profile->>'city' FROM okta.user.users UNION SELECT profile->>'department' FROM okta.user.users ORDER BY profile->>'city'`,
	`SELECT profile->>'city' FROM okta.user.users WHERE profile->>'city' > 'L' EXCEPT SELECT profile->>'city' FROM okta.user.users WHERE profile->>'city' > 'N' ORDER BY 1`,
	`SELECT profile->>'city' AS profile, login FROM okta.user.users WHERE profile->>'city' = 'London' ORDER BY profile, profile->>'login'`,
	// joins
	`SELECT u.profile->>'login', m.profile->>'login' FROM okta.user.users AS u JOIN okta.user.users AS m ON m.profile->>'employeeNumber' = u.profile->>'managerId'`,
	`SELECT u.profile->>'login', m.profile->>'login' FROM okta.user.users AS u LEFT JOIN okta.user.users AS m ON m.profile->>'employeeNumber' = u.managerId AND m.profile->>'city' = 'London' WHERE m.profile->>'city' IS NULL OR u.profile->>'city' > 'M'`,
	`SELECT u.profile->>'login', m.profile->>'login' FROM okta.user.users AS u FULL JOIN okta.user.users AS m ON m.id = u.profile->>'managerId'`,
	`SELECT a.profile->>'city', department FROM okta.user.users AS a JOIN okta.user.users AS b USING (department, city) WHERE b.profile->>'department' = 'IT'`,
	`SELECT u.login, j.value, u.profile->>'city' FROM okta.user.users AS u, json_each(u.profile, '$.projects') AS j WHERE j.value <> u.profile->>'city'`,
	`SELECT u.login, m.profile->>'city' FROM okta.user.users u JOIN (okta.user.users m JOIN okta.user.users n ON m.profile->>'managerId' = n.profile->>'employeeNumber') ON m.id = u.id`,
	// the other side's collating sequence decides, as it does for an expression
	`SELECT login, x FROM okta.user.users AS u JOIN (SELECT 'LONDON' COLLATE NOCASE AS x LIMIT 1) AS v ON u.profile->>'city' = v.x`,
	`SELECT login FROM okta.user.users AS u WHERE u.profile->>'city' IN (SELECT x FROM (SELECT 'LONDON' COLLATE NOCASE AS x LIMIT 1))`,
	`SELECT nullif(u.profile->>'city', v.x), max(u.profile->>'city', v.x), CASE u.profile->>'city' WHEN v.x THEN 1 END FROM okta.user.users AS u, (SELECT 'LONDON' COLLATE NOCASE AS x LIMIT 1) AS v`,
	`SELECT profile->>'city' FROM okta.user.users WHERE profile->>'city' = 'London' UNION SELECT x FROM (SELECT 'LONDON' COLLATE NOCASE AS x LIMIT 1)`,
	// numbers against texts: the affinity of a column would compare them otherwise
	`SELECT profile->>'floor' = '7', profile->>'floor' = CAST(floor AS TEXT), status = profile->>'floor', profile->>'city' < id FROM (SELECT profile, status, id, profile->>'floor' AS floor FROM okta.user.users)`,
	`SELECT typeof(profile->>'city'), profile->>'city' = CAST('London' AS TEXT), profile->>'employeeNumber' = CAST(profile->>'employeeNumber' AS INTEGER), profile->>'managerId' = id FROM okta.user.users`,
	`SELECT sum(profile->>'employeeNumber' + 0), profile->>'city' + 1, -(profile->>'zipCode'), NOT profile->>'zipCode' FROM okta.user.users`,
}

// rewriteErrors fail in the same way with the rewriting and without.
var rewriteErrors = []string{
	`SELECT profile->>'city', nope FROM okta.user.users`,
	`SELECT profile->>'city' FROM okta.user.users AS a JOIN okta.user.users AS b ON a.id = b.id`,
	`SELECT x.profile->>'city' FROM okta.user.users AS u`,
	`SELECT u.profile->>'city' FROM okta.user.users AS u, okta.user.users AS u`,
	`SELECT json_extract(profile, 'city') FROM okta.user.users`,
	`SELECT "profile->>'city'", profile->>'city' FROM okta.user.users`,
	`SELECT profile->>'city' FROM okta.user.users ORDER BY "profile->>'city'"`,
	`SELECT profile->>'city' FROM okta.user.users GROUP BY "PROFILE->>'city'"`,
	`SELECT profile->>'city' FROM okta.user.users UNION SELECT 1 ORDER BY profile->>'login'`,
	`SELECT login FROM okta.user.users AS u LEFT JOIN (SELECT 1 AS profile) AS v ON profile->>'city' = 'x'`,
}

// typedRun runs one statement and spells its columns and rows with their types.
func typedRun(engine *whoql.Engine, sql string) (columns string, out []string, err error) {
	rows, err := engine.Query(context.Background(), sql, nil)
	if err != nil {
		return "", nil, err
	}
	defer rows.Close()
	for rows.Next() {
		row := slices.Clone(rows.Values())
		for i, v := range row {
			if raw, ok := v.(json.RawMessage); ok {
				row[i] = "json " + string(raw)
			}
		}
		out = append(out, fmt.Sprintf("%#v", row))
	}
	return fmt.Sprintf("%+v", rows.Columns()), out, rows.Err()
}

// A both is an org and engines that rewrite and that don't; "off" is what the others are judged by.
type both struct {
	*arena
	engines map[string]*whoql.Engine
}

func newBoth(t testing.TB, o oktatest.Options) *both {
	server := oktatest.Start(t, o)
	return &both{&arena{users: people(t, server.Org)}, map[string]*whoql.Engine{
		"off":                connect(t, server, okta.Options{}, whoql.Options{NoRewrite: true, NoPushdown: true}),
		"off, pushed":        connect(t, server, okta.Options{}, whoql.Options{NoRewrite: true}),
		"rewritten":          connect(t, server, okta.Options{}, whoql.Options{NoPushdown: true}),
		"rewritten, pushed ": connect(t, server, okta.Options{}, whoql.Options{}),
	}}
}

// same runs a statement on all engines.
func (b *both) same(t *testing.T, sql string) (rows int, err error) {
	t.Helper()
	columns, want, wantErr := typedRun(b.engines["off"], sql)
	ordered := strings.Contains(sql, "ORDER BY")
	if !ordered {
		slices.Sort(want)
	}
	for name, engine := range b.engines {
		gotColumns, got, err := typedRun(engine, sql)
		if !ordered {
			slices.Sort(got)
		}
		switch {
		case fmt.Sprint(err) != fmt.Sprint(wantErr):
			t.Errorf("%s: the error is %v, want %v\n%s", name, err, wantErr, sql)
		case gotColumns != columns:
			t.Errorf("%s: the columns are %s, want %s\n%s", name, gotColumns, columns, sql)
		case !slices.Equal(got, want):
			t.Errorf("%s: %d rows, want %d\n%s\n got %.2000s\nwant %.2000s", name, len(got), len(want), sql, got, want)
		}
	}
	return len(want), wantErr
}

func TestRewritingChangesNothing(t *testing.T) {
	b := newBoth(t, oktatest.Options{Users: 40, Seed: 3})
	for _, sql := range rewriteCases {
		sql := b.expand(t, sql)
		n, err := b.same(t, sql)
		if err != nil {
			t.Errorf("%v\n%s", err, sql)
		}
		if n == 0 && !strings.Contains(sql, "employeeNumber' > 7") {
			t.Errorf("no rows\n%s", sql)
		}
	}
	for _, sql := range rewriteErrors {
		if _, err := b.same(t, sql); err == nil {
			t.Errorf("no error\n%s", sql)
		}
	}
}

// What the rewriting is for: a condition on the JSON is handed over as one on the column is.
func TestRewritingHandsOver(t *testing.T) {
	server := oktatest.Start(t, oktatest.Options{Users: 500, Seed: 3})
	engine := connect(t, server, okta.Options{}, whoql.Options{})
	login := people(t, server.Org)[400].text("login")
	for _, sql := range []string{
		`SELECT id FROM okta.user.users WHERE profile->>'login' = ` + literal(login),
		`SELECT id FROM okta.user.users WHERE json_extract(profile, '$.login') IN (` + literal(login) + `)`,
		`SELECT u.id FROM okta.user.users u WHERE ` + literal(login) + ` = u.profile->>'$.login' AND u.profile->>'city' IS NOT u.status`,
		`SELECT count(*) FROM (VALUES (` + literal(login) + `)) AS v CROSS JOIN okta.user.users WHERE users.profile->>'login' = ` + literal(login),
	} {
		server.ResetRequests()
		got, err := column(context.Background(), engine, sql)
		if err != nil || len(got) != 1 {
			t.Errorf("%v, %v\n%s", got, err, sql)
		}
		if r := server.Requests(); len(r) != 1 || !strings.HasPrefix(r[0].Path, listPath+"/") {
			t.Errorf("the requests are %v\n%s", r, sql)
		}
	}
}

// A scribbler writes statements about attributes in the profile, most of them right, from pieces of
// all that the rewriting has rules for.
type scribbler struct {
	*rand.Rand
	deep  int
	scope []string // the tables that can be named, "" for one without a name
}

func (w *scribbler) of(texts ...string) string { return texts[w.IntN(len(texts))] }

// column qualifies a column by a table in scope, or not.
func (w *scribbler) column(name string) string {
	if w.IntN(20) == 0 {
		return w.of("users.", "okta.user.users.", "nope.", "") + name
	}
	t := w.of(w.scope...)
	if t == "" || len(w.scope) == 1 && w.IntN(2) == 0 {
		return name
	}
	return t + "." + name
}

func (w *scribbler) reference() string {
	operand := w.column(w.of("profile", "profile", "profile", `"profile"`, "PROFILE", "[profile]"))
	key := w.of("department", "department", "city", "city", "login", "employeeNumber", "managerId", "City", "badge", "floor", "contractor", "projects", "nope")
	switch w.IntN(7) {
	case 0:
		return w.of("json_extract(", "JSON_EXTRACT(", `"json_extract" ( `) + operand + ", '$." + key + "')"
	case 1:
		return operand + "->>'$." + key + "'"
	case 2:
		return operand + w.of(" ->> '$.\""+key+"\"'", "->'"+key+"'", "->>'$.a."+key+"'", "->>0", "->>'"+key+"'->>'x'")
	case 3:
		return "(" + operand + ")->>'" + key + "'"
	}
	return operand + "->>'" + key + "'"
}

func (w *scribbler) expr() string {
	w.deep++
	defer func() { w.deep-- }()
	if w.deep > 5 {
		return w.reference()
	}
	switch w.IntN(24) {
	case 0, 1:
		return w.expr() + w.of(" = ", " <> ", " < ", " >= ", " IS ", " IS NOT ", " || ", " AND ", " OR ") + w.expr()
	case 2:
		return w.reference() + w.of(" = ", " IN ", " <> ") + w.of("('London')", "('IT')", "("+w.column("n")+")", "('7' COLLATE NOCASE)", "("+w.column("status")+")", "(7)")
	case 3:
		return "(" + w.expr() + ")" + w.of(" IS NULL", " IS NOT NULL", " NOTNULL", " COLLATE NOCASE", " LIKE 'b%'")
	case 4:
		return w.of("lower", "typeof", "min", "max", "count", "json_array", "group_concat") + "(" + w.expr() + ")"
	case 5:
		return w.of("nullif", "min", "max", "coalesce", "json_array", "iif") + "(" + w.expr() + ", " + w.of(w.expr(), "'London'", w.column("n")) + ")"
	case 6:
		return "CASE " + w.of("", w.expr()) + " WHEN " + w.expr() + " THEN " + w.expr() + " END"
	case 7:
		return "CAST(" + w.expr() + " AS " + w.of("TEXT", "INTEGER", "BLOB") + ")"
	case 8:
		return "(" + w.selectStmt(1) + ")"
	case 9:
		return w.of("", "NOT ") + "EXISTS (" + w.selectStmt(2) + ")"
	case 10:
		return w.reference() + w.of(" IN ", " NOT IN ") + "(" + w.selectStmt(1) + ")"
	case 11:
		return "(" + w.reference() + " BETWEEN " + w.expr() + " AND " + w.expr() + ")"
	case 12:
		return w.column(w.of("n", "status", "login", "city"))
	case 13:
		return w.of("'London'", "7", "NULL")
	}
	return w.reference()
}

// table writes an entry of a FROM clause and brings its name into scope.
func (w *scribbler) table(scope *[]string) string {
	name := fmt.Sprintf("t%d", len(*scope)+10*w.deep)
	as := w.of(" AS ", " ") + name
	if w.IntN(10) == 0 && len(*scope) == 0 {
		as, name = "", ""
	}
	text := "okta.user.users"
	switch w.IntN(9) {
	case 0:
		if w.deep < 4 {
			text = "(SELECT profile, profile->>'city' AS n, * FROM okta.user.users)"
		}
	case 1:
		text = `(SELECT 'LONDON' COLLATE NOCASE AS n, '{"city":"x","department":7}' AS profile, 'it' AS status, 'l' AS login LIMIT 2)`
	case 2:
		text = "cte"
	}
	*scope = append(*scope, name)
	return text + as
}

func (w *scribbler) selectStmt(columns int) string {
	w.deep++
	outer := w.scope
	defer func() { w.deep--; w.scope = outer }()
	var own []string
	from := " FROM " + w.table(&own)
	for len(own) < 3 && w.IntN(3) == 0 {
		join := w.of(" JOIN ", " LEFT JOIN ", ", ", " FULL JOIN ", " RIGHT JOIN ")
		from += join + w.table(&own)
		w.scope = own
		if join != ", " {
			from += w.of(" ON "+w.expr(), " ON "+w.reference()+" = "+w.reference(), " USING (login)", " USING (profile)")
		}
	}
	w.scope = own
	if w.IntN(8) == 0 {
		w.scope = append(slices.Clone(own), outer...)
	}
	s := "SELECT " + w.of("", "", "DISTINCT ")
	for i := range columns {
		if i > 0 {
			s += w.of(",", ", /* c */ ")
		}
		s += w.expr() + w.of("", "", " AS x", " n", " AS profile", " /* c */")
	}
	s += from
	if w.IntN(2) == 0 {
		s += " WHERE " + w.expr()
	}
	if w.IntN(5) == 0 {
		s += " GROUP BY " + w.of("1", w.reference(), w.expr()) + w.of("", " HAVING "+w.expr())
	}
	if w.deep < 3 && w.IntN(6) == 0 {
		s += w.of(" UNION ", " UNION ALL ", " EXCEPT ", " INTERSECT ") + w.selectStmt(columns)
	}
	if w.deep == 1 && w.IntN(4) == 0 {
		s += " ORDER BY " + w.of("1", w.reference(), w.expr())
	}
	return s
}

func (w *scribbler) statement() string {
	cte := "SELECT profile, profile->>'city' AS n, status, login FROM okta.user.users"
	if w.IntN(4) == 0 {
		cte = `SELECT '{"city":"x"}' AS profile, 'london' COLLATE NOCASE AS n, 7 AS status, '' AS login LIMIT 2`
	}
	return "WITH cte AS (" + cte + ") " + w.selectStmt(1+w.IntN(3))
}

// Whatever is written about attributes, the rewriting changes neither rows nor headings nor types,
// nor the error.
func FuzzRewriting(f *testing.F) {
	b := newBoth(f, oktatest.Options{Users: 9, Seed: 3})
	delete(b.engines, "off, pushed")
	for seed := range uint64(250) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		w := &scribbler{Rand: rand.New(rand.NewPCG(seed, 11))}
		// Among equals an order is any order, and a bare column of a group is of any row.
		b.same(t, strings.ReplaceAll(w.statement(), " ORDER BY", " order by"))
	})
}
