package stmt

import "testing"

// FuzzOrigins: whatever the text, tracing it ends, and gives no more columns for it than it has.
func FuzzOrigins(f *testing.F) {
	for _, s := range []string{
		"SELECT * FROM okta.user.users u, json_each(u.profile) JOIN (SELECT 1 AS a) USING (id)",
		"WITH RECURSIVE a(x, y) AS (SELECT profile, 1 FROM okta.user.users UNION ALL SELECT y, x FROM a), b AS (SELECT * FROM a, b) SELECT b.*, (SELECT x FROM a) FROM b",
		"VALUES (1, NULL), (TRUE, json('1')) EXCEPT SELECT CASE WHEN 1 THEN profile END, iif(1, 2) FROM okta.user.users",
		"SELECT coalesce(), iif(), lag(), json_extract(), nullif(), a.b.c.d, (1, 2), x IN (SELECT 1) FROM (okta.user.users a JOIN b) NATURAL JOIN c",
		"WITH a AS (SELECT * FROM b), b AS (SELECT * FROM a) SELECT * FROM a",
	} {
		f.Add(s)
	}
	known := Known{
		Column: func(_, column string) bool { return len(column)%2 == 0 },
		Local: func(name string) []Traced {
			if len(name)%2 == 0 {
				return nil
			}
			return []Traced{{Name: name}}
		},
	}
	f.Fuzz(func(t *testing.T, text string) {
		statements, err := Split(text)
		if err != nil || len(statements) != 1 || len(text) > 4<<10 {
			return
		}
		q, err := Rewrite(statements[0], testNames)
		if err != nil {
			return
		}
		q.Made(known)
		for i, from := range q.Origins(known) {
			for _, o := range from {
				if (o.Kind == FromColumn) != (o.Path != "") {
					t.Errorf("column %d of %q is from %+v", i, text, o)
				}
			}
		}
	})
}
